// gRPC alone: on the Unix socket where shared memory can't be had, or over TLS to another host. Needs nothing of the
// system that Node doesn't have.
//
// A region is memory of this program's own; what a request reads of it goes with the request, what it writes comes back
// with the completion.

import { WarpError } from '../shared/errors.ts';
import type { ChannelControl } from './channel-control.ts';
import type { Control } from './control.ts';
import type { Region } from './region.ts';
import type { OnEnded } from './request-path.ts';
import { beginExchange, StreamPath } from './stream-path.ts';
import type { OpenedChannel, SharedMemory, Transport, WantedChannel } from './transport.ts';

export class StreamTransport implements Transport {
  readonly name: 'grpc' | 'grpcs';
  readonly control: Control;

  constructor(name: 'grpc' | 'grpcs', control: Control) {
    this.name = name;
    this.control = control;
  }

  async openChannel(wanted: WantedChannel, onEnded: OnEnded): Promise<OpenedChannel> {
    const request = { ...wanted, transport: 'TRANSPORT_STREAM' } as const;
    const grant = await this.control.call('OpenChannel', request, 'connect');
    return {
      ...grant,
      path: new StreamPath(beginExchange(this.control), grant.channel, wanted.slots, onEnded),
    };
  }

  lendDirectly(): Promise<never> {
    const found = 'descriptors do not travel over gRPC';
    const details = { operation: 'request a direct queue', found, hint: 'request a shared queue' };
    return Promise.reject(new WarpError('UNSUPPORTED', details));
  }

  share(_control: ChannelControl, bytes: number): Promise<SharedMemory> {
    const buffer = Buffer.alloc(bytes);
    return Promise.resolve({ number: 0, memory: { buffer, blank: () => void buffer.fill(0) } });
  }

  shareAgain(_control: ChannelControl, region: Region): Promise<number> {
    return Promise.resolve(region.number);
  }
}
