// A connection to the daemon (connect.ts): the channel through which requests go, the control view by which it is set up, and
// what the program has been lent.
//
// A part of the daemon that is started again goes on with the channel where the part before stood. When the channel is
// lost all the same, the connection sets itself up again: it opens a new one and asks for the same queues, sessions and
// regions. Programs keep their objects; a region keeps its address and its contents.
//
//     open --channel ends--> setting up again --+--> open
//       |                                       +--> failed (nobody answered for `reconnectMillis`)
//       +--close()--> closed

import { present } from '../shared/assert.ts';
import { asWarpError, type ErrorCode, WarpError } from '../shared/errors.ts';
import { CHANNEL_SLOTS_DEFAULT, REGION_BYTES_MAX } from '../shared/limits.ts';
import type { ResponseFrom } from '../shared/grpc.ts';
import { ChannelControl, isPassing, type Known, repeat } from './channel-control.ts';
import type { ConnectOptions } from './connect.ts';
import type { Control } from './control.ts';
import type { DirectQueue } from './direct-queue.ts';
import { type QueueOptions, requestQueue, wantedQueue } from './queue-request.ts';
import { Queue } from './queue.ts';
import { Region } from './region.ts';
import type { RequestPath } from './request-path.ts';
import { openSession, Session, type SessionOptions } from './session.ts';
import { type Holdings, type Open, SetUp } from './set-up.ts';
import type { LentDirectly, Transport, TransportName } from './transport.ts';

export type DeviceInfo = ResponseFrom<'ListDevices'>['devices'][number];
export type StatusInfo = ResponseFrom<'GetStatus'>;
export type WaitingInfo = ResponseFrom<'ListQueues'>['waiting'][number];
export type QueueInfo = ResponseFrom<'ListQueues'>['queues'][number];

/** Between two tries to set the connection up again. */
const LONGEST_PAUSE_MILLIS = 1_000;

/** Reasons for a channel's end after which another one will do. Others say that this program is at fault. */
const recoverable: ReadonlySet<ErrorCode> = new Set(['ENGINE_LOST', 'DAEMON_STOPPING']);
/** What a call fails with while processes of the daemon are being started again. */
const worthAnotherTry: ReadonlySet<ErrorCode> = new Set([
  'NO_DAEMON',
  'ENGINE_UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'NO_SUCH_CHANNEL',
  'TOKEN_REFUSED',
]);

export class Connection {
  readonly runtimeDir: string;
  readonly #slots: number;
  readonly #tenant: string;
  readonly #reconnectMillis: number;
  readonly #transport: Transport;
  readonly #control: Control;
  /** The channel at the moment; undefined while it is set up again, or when the connection is over. */
  #open: Open | undefined = undefined;
  /** Why it is over, once it is. */
  #over: WarpError | undefined = undefined;
  /** The set-up that is under way. */
  #recovery: Promise<void> | undefined = undefined;
  readonly #direct = new Map<DirectQueue, LentDirectly>();
  readonly #holdings: Holdings = {
    queues: new Map(),
    sessions: new Set(),
    regions: new Set(),
    arriving: new Set(),
  };

  /** For `connect` only. */
  constructor(transport: Transport, runtimeDir: string, options: ConnectOptions) {
    this.runtimeDir = runtimeDir;
    this.#transport = transport;
    this.#control = transport.control;
    this.#slots = options.slots ?? CHANNEL_SLOTS_DEFAULT;
    this.#tenant = options.tenant ?? '';
    this.#reconnectMillis = options.reconnectMillis ?? 30_000;
  }

  /** Which way was taken. */
  get transport(): TransportName {
    return this.#transport.name;
  }

  /** For `connect` only. */
  async open(): Promise<void> {
    try {
      const isWorthAnother = (error: WarpError): boolean => isPassing(error, this.#control);
      const limits = { limitMillis: this.#control.timeoutMillis };
      this.#open = await repeat(limits, () => this.#openChannel(), isWorthAnother);
    } catch (error) {
      this.#control.close();
      throw error;
    }
  }

  async devices(): Promise<DeviceInfo[]> {
    return (await this.#control.call('ListDevices', {}, 'list the devices')).devices;
  }

  status(): Promise<StatusInfo> {
    return this.#control.call('GetStatus', {}, 'read the status of the daemon');
  }

  /** Queues that are lent: this user's own; all, for root and the daemon's user. */
  async queues(): Promise<QueueInfo[]> {
    return (await this.#control.call('ListQueues', {}, 'list the queues')).queues;
  }

  /** Calls that wait in line for a queue: as with `queues`. */
  async waiting(): Promise<WaitingInfo[]> {
    return (await this.#control.call('ListQueues', {}, 'list who waits in line')).waiting;
  }

  /**
   * Asks for a queue. Throws NO_SUCH_ALGORITHM, NO_SUCH_DEVICE, QUOTA_EXCEEDED; for one of mode 'direct' also
   * PERMISSION_DENIED, UNSUPPORTED, NO_HARDWARE_QUEUE.
   */
  requestQueue(options: QueueOptions & { readonly mode: 'direct' }): Promise<DirectQueue>;
  requestQueue(options: QueueOptions & { readonly mode?: 'shared' }): Promise<Queue>;
  requestQueue(options: QueueOptions): Promise<Queue | DirectQueue>;
  async requestQueue(options: QueueOptions): Promise<Queue | DirectQueue> {
    if (options.mode === 'direct') return this.#requestDirectQueue(options);
    const granted = await this.#onChannel((control) => requestQueue(control, options));
    const queue = new Queue(this.#queueOwner, {
      algorithm: options.algorithm,
      device: granted.device,
      depth: granted.depth,
      requestBytesMax: granted.requestBytesMax,
      number: granted.queue,
    });
    this.#holdings.queues.set(queue, options);
    return queue;
  }

  async #requestDirectQueue(options: QueueOptions): Promise<DirectQueue> {
    const onRelease = async (queue: DirectQueue, number: number): Promise<void> => {
      if (!this.#direct.delete(queue) || this.#over !== undefined) return;
      const operation = `release queue ${number}`;
      await this.#onChannel((control) => control.release('ReleaseQueue', { queue: number }, operation));
    };
    const lent = await this.#onChannel((control) =>
      this.#transport.lendDirectly(control, wantedQueue(options), onRelease),
    );
    this.#direct.set(lent.queue, lent);
    for (const region of this.#holdings.regions) await this.#mapRegion(lent, region);
    return lent.queue;
  }

  async #mapRegion({ number: queue, addresses }: LentDirectly, region: Region): Promise<void> {
    const { number } = region;
    const operation = `make region ${number} reachable for direct queue ${queue}`;
    try {
      const { address } = await this.#onChannel((control) =>
        control.call('MapRegion', { queue, region: number }, operation),
      );
      addresses.set(number, address);
    } catch (error) {
      // The daemon has taken the queue back: the program hears of that from the queue.
      if (!(error instanceof WarpError) || error.code !== 'NO_SUCH_QUEUE') throw error;
    }
  }

  /** Shares memory with the daemon: `bytes` from 1 to 1 GiB. Throws QUOTA_EXCEEDED. */
  async share(bytes: number): Promise<Region> {
    const operation = `share a region of ${bytes} bytes`;
    if (!Number.isInteger(bytes) || bytes < 1 || bytes > REGION_BYTES_MAX) {
      const hint = `give a whole number from 1 to ${REGION_BYTES_MAX}`;
      const found = `a size of ${typeof bytes} ${bytes}`;
      throw new WarpError('INVALID_ARGUMENT', { operation, found, hint });
    }
    const { number, memory } = await this.#onChannel((control) =>
      this.#transport.share(control, bytes, this.#holdings.arriving),
    );
    const region = new Region(this, bytes, number, memory);
    this.#holdings.regions.add(region);
    this.#holdings.arriving.delete(number);
    for (const lent of this.#direct.values()) await this.#mapRegion(lent, region);
    return region;
  }

  /** Ends the connection: the daemon frees everything, what is in flight fails as INTERRUPTED. */
  async close(): Promise<void> {
    if (this.#over !== undefined) return;
    this.#end(new WarpError('RELEASED', { operation: 'use the connection', found: 'it was closed' }));
    await this.#recovery;
  }

  /** For Region only. */
  async releaseRegion(region: Region): Promise<void> {
    if (!this.#holdings.regions.delete(region) || this.#over !== undefined) return;
    // Memory of our own is nobody else's business.
    if (region.number === 0) return;
    for (const { addresses } of this.#direct.values()) addresses.forget(region.number);
    const operation = `release region ${region.number}`;
    await this.#onChannel((control) =>
      control.release('ReleaseRegion', { region: region.number }, operation),
    );
  }

  /** For Session only. */
  async releaseSession(session: Session): Promise<void> {
    if (!this.#holdings.sessions.delete(session) || this.#over !== undefined) return;
    const operation = `close session ${session.number}`;
    await this.#onChannel((control) =>
      control.release('CloseSession', { session: session.number }, operation),
    );
  }

  readonly #queueOwner = {
    path: (): RequestPath | undefined => this.#open?.path,
    checkOpen: (): void => {
      if (this.#over !== undefined) throw this.#over;
    },
    releaseQueue: async (queue: Queue): Promise<void> => {
      if (!this.#holdings.queues.delete(queue) || this.#over !== undefined) return;
      const operation = `release queue ${queue.number}`;
      await this.#onChannel((control) => control.release('ReleaseQueue', { queue: queue.number }, operation));
    },
    openSession: async (queue: Queue, options: SessionOptions): Promise<Session> => {
      const { algorithm } = queue;
      const number = await this.#onChannel((control) => openSession(control, algorithm, options));
      const session = new Session(this, algorithm, options, number);
      this.#holdings.sessions.add(session);
      return session;
    },
  };

  /** Calls on the channel; on another one when that was lost meanwhile. Throws why the connection is over. */
  async #onChannel<Result>(call: (control: ChannelControl) => Promise<Result>): Promise<Result> {
    for (;;) {
      await this.#recovery;
      if (this.#over !== undefined) throw this.#over;
      const { control, path } = present(this.#open, 'the channel');
      try {
        return await call(control);
      } catch (error) {
        const isLost = error instanceof WarpError && error.code === 'NO_SUCH_CHANNEL';
        if (!isLost) throw error;
        // The doorbell says so too, perhaps a moment later.
        path.checkEnded();
        if (this.#open?.control === control) throw error;
      }
    }
  }

  #known(): Known {
    return {
      queues: new Set(
        [...this.#holdings.queues.keys(), ...this.#direct.values()].map(({ number }) => number),
      ),
      sessions: new Set([...this.#holdings.sessions].map(({ number }) => number)),
      regions: new Set([
        ...this.#holdings.arriving,
        ...[...this.#holdings.regions].map(({ number }) => number),
      ]),
    };
  }

  /** Opens a channel. It is not the connection's until it is put into `#open`. */
  async #openChannel(): Promise<Open> {
    const wanted = { slots: this.#slots, tenant: this.#tenant };
    const opened = await this.#transport.openChannel(wanted, (reason) => {
      if (this.#open?.path === opened.path) this.#lose(reason);
    });
    const { path } = opened;
    const known = (): Known | undefined => (this.#open?.path === path ? this.#known() : undefined);
    return { path, control: new ChannelControl(this.#control, opened, known) };
  }

  #lose(reason: ErrorCode): void {
    this.#open = undefined;
    this.#abandonDirect();
    if (this.#over !== undefined) return;
    if (recoverable.has(reason)) {
      this.#recovery ??= this.#recover().finally(() => {
        this.#recovery = undefined;
      });
    } else {
      this.#end(new WarpError(reason, { operation: 'use the connection' }));
    }
  }

  /** They end with their channel; a program that wants another one asks for it. */
  #abandonDirect(): void {
    for (const queue of this.#direct.keys()) queue.abandon();
    this.#direct.clear();
  }

  /** Sets everything up again, trying until `reconnectMillis` have passed. Never rejects. */
  async #recover(): Promise<void> {
    const setUp = new SetUp(this.#transport, this.#holdings, () => this.#openChannel());
    const limits = { limitMillis: this.#reconnectMillis, pauseMillisMax: LONGEST_PAUSE_MILLIS };
    const attempt = async (): Promise<void> => {
      if (this.#over === undefined) await setUp.attempt();
      if (this.#over !== undefined) throw this.#over;
      setUp.finish((open) => {
        this.#open = open;
      });
    };
    try {
      await repeat(limits, attempt, ({ code }) => worthAnotherTry.has(code));
    } catch (error) {
      setUp.abandon();
      if (this.#over === undefined) this.#end(asWarpError(error, 'set the connection up again'));
    }
  }

  #end(why: WarpError): void {
    this.#over = why;
    const open = this.#open;
    this.#open = undefined;
    open?.path.close();
    this.#abandonDirect();
    for (const queue of this.#holdings.queues.keys()) queue.fail(why);
    for (const region of this.#holdings.regions) region.discard();
    this.#holdings.queues.clear();
    this.#holdings.regions.clear();
    this.#holdings.sessions.clear();
    this.#control.close();
  }
}
