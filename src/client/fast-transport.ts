// Shared memory with the daemon of this host. The only module of the SDK, with what it imports, that calls the system
// by FFI: it is loaded when this way is tried, so that the others work where it can't be.

import { join } from 'node:path';
import { assert, present } from '../shared/assert.ts';
import { FD_SOCKET } from '../shared/runtime-paths.ts';
import type { Fd } from '../sys/fd.ts';
import { type Mapping, mapShared, roundToPages } from '../sys/memory.ts';
import type { ChannelControl } from './channel-control.ts';
import type { Control } from './control.ts';
import { DirectQueue, RegionAddresses } from './direct-queue.ts';
import { FastPath } from './fast-path.ts';
import { redeemToken } from './redeem.ts';
import type { Region } from './region.ts';
import type { OnEnded } from './request-path.ts';
import type {
  LentDirectly,
  OpenedChannel,
  SharedMemory,
  Transport,
  WantedChannel,
  WantedQueue,
} from './transport.ts';

export class FastTransport implements Transport {
  readonly name = 'fast-path';
  readonly control: Control;
  readonly #fdSocket: string;

  constructor(control: Control, runtimeDir: string) {
    this.control = control;
    this.#fdSocket = join(runtimeDir, FD_SOCKET);
  }

  async openChannel(wanted: WantedChannel, onEnded: OnEnded): Promise<OpenedChannel> {
    const grant = await this.control.call('OpenChannel', wanted, 'connect');
    const [memory, doorbell] = await this.#redeem(grant.token, 2, `channel ${grant.channel}`);
    assert(memory !== undefined && doorbell !== undefined, 'a channel has memory and a doorbell');
    return { ...grant, path: new FastPath(memory, doorbell, grant.bytes, onEnded) };
  }

  lendDirectly(
    control: ChannelControl,
    wanted: WantedQueue,
    onRelease: (queue: DirectQueue, number: number) => Promise<void>,
  ): Promise<LentDirectly> {
    const operation = `request a direct queue for "${wanted.algorithm}"`;
    return control.repeat(async () => {
      const lent = await control.call('RequestQueue', wanted, operation, wanted.waitMillis);
      const { queue: number, token, queueFormat: deviceApi } = lent;
      try {
        const [fd] = await this.#redeem(token, 1, `direct queue ${number}`);
        const addresses = new RegionAddresses();
        const grant = { fd: present(fd, 'the descriptor of the queue'), deviceApi, addresses };
        const queue: DirectQueue = new DirectQueue(grant, () => onRelease(queue, number));
        return { number, queue, addresses };
      } catch (error) {
        await control.release('ReleaseQueue', { queue: number }, operation);
        throw error;
      }
    });
  }

  async share(control: ChannelControl, bytes: number, arriving: Set<number>): Promise<SharedMemory> {
    const { number, memory } = await this.#fetch(control, bytes, arriving);
    try {
      return { number, memory: mapShared(memory, roundToPages(bytes)) };
    } finally {
      memory.close();
    }
  }

  async shareAgain(control: ChannelControl, region: Region, arriving: Set<number>): Promise<number> {
    const { number, memory } = await this.#fetch(control, region.bytes, arriving);
    try {
      const mapping = region.memory as Mapping;
      const fresh = mapShared(memory, roundToPages(region.bytes));
      mapping.buffer.copy(fresh.buffer);
      fresh.unmap();
      mapping.replace(memory);
    } finally {
      memory.close();
    }
    return number;
  }

  #fetch(
    control: ChannelControl,
    bytes: number,
    arriving: Set<number>,
  ): Promise<{ readonly number: number; readonly memory: Fd }> {
    const operation = `share a region of ${bytes} bytes`;
    return control.repeat(async () => {
      const { region, token } = await control.call('ShareRegion', { bytes }, operation);
      arriving.add(region);
      try {
        const [memory] = await this.#redeem(token, 1, `region ${region}`);
        return { number: region, memory: present(memory, 'the memory of the region') };
      } catch (error) {
        arriving.delete(region);
        await control.release('ReleaseRegion', { region }, operation);
        throw error;
      }
    });
  }

  #redeem(token: Uint8Array, fds: number, label: string): Promise<readonly Fd[]> {
    return redeemToken(this.#fdSocket, token, { fds, label, timeoutMillis: this.control.timeoutMillis });
  }
}
