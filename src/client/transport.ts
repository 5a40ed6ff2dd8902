// What differs between the ways to the daemon: how a channel is opened, and where the memory of regions is.

import type { RequestTo } from '../shared/grpc.ts';
import type { ChannelControl } from './channel-control.ts';
import type { Control } from './control.ts';
import type { DirectQueue, RegionAddresses } from './direct-queue.ts';
import type { Region, RegionMemory } from './region.ts';
import type { OnEnded, RequestPath } from './request-path.ts';

/**
 * 'fast-path': shared memory; 'grpc': the daemon's Unix socket alone; 'grpcs': TLS, to a daemon on another host too.
 */
export type TransportName = 'fast-path' | 'grpc' | 'grpcs';

export interface WantedChannel {
  readonly slots: number;
  /** The tenant to be, where the daemon lets clients say so; else empty. */
  readonly tenant: string;
}

export interface OpenedChannel {
  readonly path: RequestPath;
  readonly channel: number;
  readonly resumeSecret: Buffer;
}

export interface SharedMemory {
  /** The daemon's number for it; 0 if it knows nothing of it. */
  readonly number: number;
  readonly memory: RegionMemory;
}

/** A direct queue, and where its device sees regions. */
export interface LentDirectly {
  readonly number: number;
  readonly queue: DirectQueue;
  readonly addresses: RegionAddresses;
}

export type WantedQueue = Omit<RequestTo<'RequestQueue'>, 'channel'>;

export interface Transport {
  readonly name: TransportName;
  readonly control: Control;
  openChannel(wanted: WantedChannel, onEnded: OnEnded): Promise<OpenedChannel>;
  /** A hardware queue of the program's own. Throws UNSUPPORTED where descriptors can't be had. */
  lendDirectly(
    control: ChannelControl,
    wanted: WantedQueue,
    onRelease: (queue: DirectQueue, number: number) => Promise<void>,
  ): Promise<LentDirectly>;
  /** Memory for a region. Its number is in `arriving` from the moment that the daemon may know it. */
  share(control: ChannelControl, bytes: number, arriving: Set<number>): Promise<SharedMemory>;
  /** The same again for a region that the daemon has lost: same address, same contents. Returns its number. */
  shareAgain(control: ChannelControl, region: Region, arriving: Set<number>): Promise<number>;
}
