// A connection to the daemon: the channel through which requests go, and the control view by which it is set up.
//
// When the daemon's engine or the whole daemon is lost, the connection sets itself up again: it resumes its channel
// if the broker still knows it, opens a new one otherwise, and asks for the same queues, sessions and regions.
// Programs keep their objects; a region keeps its address and its contents.
//
//     open --channel ends--> setting up again --+--> open
//       |                                       +--> failed (nobody answered for `reconnectMillis`)
//       +--close()--> closed

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assert, present } from '../shared/assert.ts';
import { asWarpError, type ErrorCode, WarpError } from '../shared/errors.ts';
import { CHANNEL_SLOTS_DEFAULT, REGION_BYTES_MAX } from '../shared/limits.ts';
import type { AlgorithmName } from '../shared/operations.ts';
import type { ResponseFrom } from '../shared/grpc.ts';
import { defaultRuntimeDir, FD_SOCKET, GRPC_SOCKET } from '../shared/runtime-paths.ts';
import type { Fd } from '../sys/fd.ts';
import { mapShared, roundToPages } from '../sys/memory.ts';
import { Control } from './control.ts';
import { FastPath } from './fast-path.ts';
import { Queue } from './queue.ts';
import { redeemToken } from './redeem.ts';
import { Region } from './region.ts';
import { Session, type SessionOptions } from './session.ts';

export interface ConnectOptions {
  /** The daemon's folder: $WARPDRIVE_RUNTIME_DIR, the user's or the system's by default. */
  readonly runtimeDir?: string;
  /** Requests that can be in flight over all queues: a power of two, 4 to 4096. 256 by default. */
  readonly slots?: number;
  /** How long each call to the daemon may take, milliseconds. 5000 by default. */
  readonly timeoutMillis?: number;
  /** For how long a lost daemon is waited for, milliseconds. 30000 by default. */
  readonly reconnectMillis?: number;
}

export interface QueueOptions {
  readonly algorithm: AlgorithmName;
  /** A device by name; the first that offers the algorithm by default. */
  readonly device?: string;
  /** 'direct': a hardware queue of one's own, where the daemon allows that. */
  readonly mode?: 'shared' | 'direct';
  /** Requests in flight, at most the connection's slots; all of them by default. */
  readonly depth?: number;
}

export type DeviceInfo = ResponseFrom<'ListDevices'>['devices'][number];
export type StatusInfo = ResponseFrom<'GetStatus'>;
export type QueueInfo = ResponseFrom<'ListQueues'>['queues'][number];

const FIRST_PAUSE_MILLIS = 10;
const LONGEST_PAUSE_MILLIS = 1_000;

/** Reasons for a channel's end after which another one will do. Others say that this program is at fault. */
const recoverable: ReadonlySet<ErrorCode> = new Set(['ENGINE_LOST', 'BROKER_LOST', 'DAEMON_STOPPING']);
/** What a call fails with while processes of the daemon are being started again. */
const passing: ReadonlySet<ErrorCode> = new Set([
  'NO_DAEMON',
  'ENGINE_UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'NO_SUCH_CHANNEL',
  'TOKEN_REFUSED',
]);

interface ChannelGrant {
  readonly id: number;
  readonly resumeSecret: Buffer;
}

/** How far setting up again has come. */
interface Progress {
  /** The fresh channel. */
  path: FastPath | undefined;
  /** What is still to be shared and opened in it. */
  regions: Set<Region>;
  sessions: Set<Session>;
  /** What it has been lent. */
  readonly grants: Map<Queue, ResponseFrom<'RequestQueue'>>;
}

export class Connection {
  readonly transport = 'fast-path';
  readonly runtimeDir: string;
  readonly #slots: number;
  readonly #timeoutMillis: number;
  readonly #reconnectMillis: number;
  readonly #control: Control;
  #grant: ChannelGrant | undefined = undefined;
  #path: FastPath | undefined = undefined;
  /** Why it is over, once it is. */
  #over: WarpError | undefined = undefined;
  /** The set-up that is under way. */
  #recovery: Promise<void> | undefined = undefined;
  readonly #queues = new Map<Queue, { readonly options: QueueOptions }>();
  readonly #sessions = new Set<Session>();
  readonly #regions = new Set<Region>();

  /** For `connect` only. */
  constructor(options: ConnectOptions) {
    this.runtimeDir = options.runtimeDir ?? defaultRuntimeDir(process.env, process.getuid?.() ?? 0);
    this.#slots = options.slots ?? CHANNEL_SLOTS_DEFAULT;
    this.#timeoutMillis = options.timeoutMillis ?? 5_000;
    this.#reconnectMillis = options.reconnectMillis ?? 30_000;
    this.#control = new Control(join(this.runtimeDir, GRPC_SOCKET), this.#timeoutMillis);
  }

  /** For `connect` only. */
  async open(): Promise<void> {
    try {
      this.#path = await this.#openChannel();
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

  /** Asks for a queue. Throws NO_SUCH_ALGORITHM, NO_SUCH_DEVICE, QUOTA_EXCEEDED, UNSUPPORTED. */
  async requestQueue(options: QueueOptions): Promise<Queue> {
    await this.#settled();
    const granted = await this.#requestQueue(options);
    const queue = new Queue(this.#queueOwner, {
      algorithm: options.algorithm,
      device: granted.device,
      depth: granted.depth,
      requestBytesMax: granted.requestBytesMax,
      number: granted.queue,
    });
    this.#queues.set(queue, { options });
    return queue;
  }

  async #requestQueue(options: QueueOptions): Promise<ResponseFrom<'RequestQueue'>> {
    const { algorithm, device = '', mode = 'shared', depth = 0 } = options;
    if (mode !== 'shared' && mode !== 'direct') {
      const details = { operation: `request a queue for "${algorithm}"`, found: `mode "${String(mode)}"` };
      throw new WarpError('INVALID_ARGUMENT', { ...details, hint: 'use "shared" or "direct"' });
    }
    const request = {
      channel: this.#channel,
      algorithm,
      device,
      depth,
      mode: mode === 'direct' ? 'QUEUE_MODE_DIRECT' : 'QUEUE_MODE_SHARED',
    } as const;
    return this.#control.call('RequestQueue', request, `request a queue for "${algorithm}"`);
  }

  /** Shares memory with the daemon: `bytes` from 1 to 1 GiB. Throws QUOTA_EXCEEDED. */
  async share(bytes: number): Promise<Region> {
    await this.#settled();
    const { number, memory } = await this.#share(bytes);
    try {
      const region = new Region(this, bytes, number, mapShared(memory, roundToPages(bytes)));
      this.#regions.add(region);
      return region;
    } finally {
      memory.close();
    }
  }

  async #share(bytes: number): Promise<{ readonly number: number; readonly memory: Fd }> {
    const operation = `share a region of ${bytes} bytes`;
    if (!Number.isInteger(bytes) || bytes < 1 || bytes > REGION_BYTES_MAX) {
      const hint = `give a whole number from 1 to ${REGION_BYTES_MAX}`;
      throw new WarpError('INVALID_ARGUMENT', {
        operation,
        found: `a size of ${typeof bytes} ${bytes}`,
        hint,
      });
    }
    const { region, token } = await this.#control.call(
      'ShareRegion',
      { channel: this.#channel, bytes },
      operation,
    );
    const [memory] = await this.#redeem(token, 1, `region ${region}`);
    return { number: region, memory: present(memory, 'the memory of the region') };
  }

  /** Ends the connection: the daemon frees everything, what is in flight fails as INTERRUPTED. */
  async close(): Promise<void> {
    if (this.#over !== undefined) return;
    this.#end(new WarpError('RELEASED', { operation: 'use the connection', found: 'it was closed' }));
    await this.#recovery;
  }

  /** For Region only. */
  async releaseRegion(region: Region): Promise<void> {
    const isKnown = this.#regions.delete(region);
    if (!isKnown || this.#over !== undefined) return;
    await this.#settled();
    const request = { channel: this.#channel, region: region.number };
    await this.#control.call('ReleaseRegion', request, `release region ${region.number}`);
  }

  /** For Session only. */
  async releaseSession(session: Session): Promise<void> {
    const isKnown = this.#sessions.delete(session);
    if (!isKnown || this.#over !== undefined) return;
    await this.#settled();
    const request = { channel: this.#channel, session: session.number };
    await this.#control.call('CloseSession', request, `close session ${session.number}`);
  }

  readonly #queueOwner = {
    path: (): FastPath | undefined => this.#path,
    checkOpen: (): void => {
      if (this.#over !== undefined) throw this.#over;
    },
    releaseQueue: async (queue: Queue): Promise<void> => {
      const isKnown = this.#queues.delete(queue);
      if (!isKnown || this.#over !== undefined) return;
      await this.#settled();
      const request = { channel: this.#channel, queue: queue.number };
      await this.#control.call('ReleaseQueue', request, `release queue ${queue.number}`);
    },
    openSession: async (queue: Queue, options: SessionOptions): Promise<Session> => {
      await this.#settled();
      const session = new Session(
        this,
        queue.algorithm,
        options,
        await this.#openSession(queue.algorithm, options),
      );
      this.#sessions.add(session);
      return session;
    },
  };

  async #openSession(algorithm: AlgorithmName, options: SessionOptions): Promise<number> {
    const parameters = 'level' in options ? { level: options.level } : { key: Buffer.from(options.key) };
    const request = { channel: this.#channel, algorithm, ...parameters };
    return (await this.#control.call('OpenSession', request, `open a session for "${algorithm}"`)).session;
  }

  get #channel(): number {
    if (this.#over !== undefined) throw this.#over;
    return present(this.#grant, 'the channel').id;
  }

  /** Waits for a set-up that is under way; throws why the connection is over. */
  async #settled(): Promise<void> {
    await this.#recovery;
    if (this.#over !== undefined) throw this.#over;
  }

  #redeem(token: Uint8Array, fds: number, label: string): Promise<readonly Fd[]> {
    const expected = { fds, label, timeoutMillis: this.#timeoutMillis };
    return redeemToken(join(this.runtimeDir, FD_SOCKET), token, expected);
  }

  async #openChannel(): Promise<FastPath> {
    return this.#attach(await this.#control.call('OpenChannel', { slots: this.#slots }, 'connect'));
  }

  /** Fetches what a grant stands for. The channel is not the connection's until it is put into `#path`. */
  async #attach({ channel, resumeSecret, token, bytes }: ResponseFrom<'OpenChannel'>): Promise<FastPath> {
    const [memory, doorbell] = await this.#redeem(token, 2, `channel ${channel}`);
    assert(memory !== undefined && doorbell !== undefined, 'a channel has memory and a doorbell');
    const path: FastPath = new FastPath(memory, doorbell, bytes, (reason) => {
      if (this.#path === path) this.#lose(reason);
    });
    this.#grant = { id: channel, resumeSecret };
    return path;
  }

  #lose(reason: ErrorCode): void {
    this.#path = undefined;
    if (this.#over !== undefined) return;
    if (recoverable.has(reason)) {
      this.#recovery ??= this.#recover().finally(() => {
        this.#recovery = undefined;
      });
    } else {
      this.#end(new WarpError(reason, { operation: 'use the connection' }));
    }
  }

  /** Sets everything up again, trying until `reconnectMillis` have passed. Never rejects. */
  async #recover(): Promise<void> {
    const endMillis = performance.now() + this.#reconnectMillis;
    const progress: Progress = {
      path: undefined,
      regions: new Set(),
      sessions: new Set(),
      grants: new Map(),
    };
    let pauseMillis = FIRST_PAUSE_MILLIS;
    while (this.#over === undefined) {
      try {
        await this.#setUpAgain(progress);
        if (this.#path !== undefined) return;
      } catch (error) {
        const failure = asWarpError(error, 'set the connection up again');
        if (!passing.has(failure.code) || performance.now() > endMillis) this.#end(failure);
      }
      // Many clients lose the same daemon at once: they come back at different moments.
      if (this.#over === undefined) await sleep(pauseMillis * (0.5 + Math.random()));
      pauseMillis = Math.min(pauseMillis * 2, LONGEST_PAUSE_MILLIS);
    }
    progress.path?.close();
  }

  /**
   * One try, which goes on where the one before had to stop. Queues see the fresh channel only when everything in it
   * has its number.
   */
  async #setUpAgain(progress: Progress): Promise<void> {
    if (progress.path === undefined || progress.path.isEnded) {
      progress.path = await this.#resume();
      if (progress.path === undefined) {
        progress.path = await this.#openChannel();
        progress.regions = new Set(this.#regions);
      }
      progress.sessions = new Set(this.#sessions);
      progress.grants.clear();
    }
    for (const region of progress.regions) {
      if (this.#regions.has(region)) await this.#shareAgain(region);
      progress.regions.delete(region);
    }
    for (const session of progress.sessions) {
      session.renumber(await this.#openSession(session.algorithm, session.options));
      progress.sessions.delete(session);
    }
    for (const [queue, { options }] of this.#queues) {
      if (progress.grants.has(queue)) continue;
      progress.grants.set(queue, await this.#requestQueue({ ...options, depth: queue.depth }));
    }
    if (progress.path.isEnded || this.#over !== undefined) return;
    this.#path = progress.path;
    for (const [queue, granted] of progress.grants) queue.renew(granted.queue, granted.device);
  }

  /** undefined if the broker doesn't know the channel any more. */
  async #resume(): Promise<FastPath | undefined> {
    const { resumeSecret } = present(this.#grant, 'the channel that was lost');
    try {
      return await this.#attach(
        await this.#control.call('ResumeChannel', { resumeSecret }, 'resume the channel'),
      );
    } catch (error) {
      if (error instanceof WarpError && error.code === 'NO_SUCH_CHANNEL') return undefined;
      throw error;
    }
  }

  /** A new region in the place of one that the daemon has lost: same address, same contents, another number. */
  async #shareAgain(region: Region): Promise<void> {
    const { number, memory } = await this.#share(region.bytes);
    try {
      const fresh = mapShared(memory, roundToPages(region.bytes));
      region.mapping.buffer.copy(fresh.buffer);
      fresh.unmap();
      region.mapping.replace(memory);
    } finally {
      memory.close();
    }
    region.renumber(number);
  }

  #end(why: WarpError): void {
    this.#over = why;
    const path = this.#path;
    this.#path = undefined;
    path?.close();
    for (const queue of this.#queues.keys()) queue.fail(why);
    for (const region of this.#regions) region.discard();
    this.#queues.clear();
    this.#regions.clear();
    this.#sessions.clear();
    this.#control.close();
  }
}

/** Connects to the daemon. Throws NO_DAEMON if none answers, QUOTA_EXCEEDED if the user has too many channels. */
export async function connect(options: ConnectOptions = {}): Promise<Connection> {
  const connection = new Connection(options);
  await connection.open();
  return connection;
}
