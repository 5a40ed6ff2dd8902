// A connection to the daemon: the channel through which requests go, and the control view by which it is set up.
//
// A part of the daemon that is started again goes on with the channel where the part before stood. When the channel is
// lost all the same, the connection sets itself up again: it opens a new one and asks for the same queues, sessions and
// regions. Programs keep their objects; a region keeps its address and its contents.
//
//     open --channel ends--> setting up again --+--> open
//       |                                       +--> failed (nobody answered for `reconnectMillis`)
//       +--close()--> closed

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { present } from '../shared/assert.ts';
import { asWarpError, type ErrorCode, WarpError } from '../shared/errors.ts';
import { CHANNEL_SLOTS_DEFAULT, REGION_BYTES_MAX } from '../shared/limits.ts';
import type { AlgorithmName } from '../shared/operations.ts';
import type { ResponseFrom } from '../shared/grpc.ts';
import { findRuntimeDir, GRPC_SOCKET } from '../shared/runtime-paths.ts';
import { ChannelControl, isPassing, type Known, repeat } from './channel-control.ts';
import type { DirectQueue } from './direct-queue.ts';
import { Control, type TlsFiles, tlsEndpoint, unixEndpoint } from './control.ts';
import { Queue } from './queue.ts';
import { Region } from './region.ts';
import type { RequestPath } from './request-path.ts';
import { Session, type SessionOptions } from './session.ts';
import { StreamTransport } from './stream-transport.ts';
import type { LentDirectly, Transport, TransportName } from './transport.ts';

export interface ConnectOptions {
  /** The daemon's folder: $WARPDRIVE_RUNTIME_DIR, the user's or the system's by default. */
  readonly runtimeDir?: string;
  /** Requests that can be in flight over all queues: a power of two, 4 to 4096. 256 by default. */
  readonly slots?: number;
  /** How long each call to the daemon may take, milliseconds. 5000 by default. */
  readonly timeoutMillis?: number;
  /** For tests, where the daemon's configuration allows it: the tenant to be. */
  readonly tenant?: string;
  /** For how long a lost daemon is waited for, milliseconds. 30000 by default. */
  readonly reconnectMillis?: number;
  /** Only this way to the daemon; by default the first that works: 'fast-path', 'grpc', 'grpcs'. */
  readonly transport?: TransportName;
  /** A daemon to be reached over TLS: "grpcs://host:port". $WARPDRIVE_ADDRESS by default. */
  readonly address?: string;
  /** Certificates for that. */
  readonly tls?: TlsFiles;
}

export interface QueueOptions {
  readonly algorithm: AlgorithmName;
  /** A device by name; the first that offers the algorithm by default. */
  readonly device?: string;
  /** 'direct': a hardware queue of one's own, where the daemon allows that. */
  readonly mode?: 'shared' | 'direct';
  /** Requests in flight, at most the connection's slots; all of them by default. */
  readonly depth?: number;
  /**
   * How long to wait in line if the tenant has as many queues as it may, milliseconds; 0, the default, not at all. The
   * daemon may allow less.
   */
  readonly waitMillis?: number;
}

export type DeviceInfo = ResponseFrom<'ListDevices'>['devices'][number];
export type StatusInfo = ResponseFrom<'GetStatus'>;
export type WaitingInfo = ResponseFrom<'ListQueues'>['waiting'][number];
export type QueueInfo = ResponseFrom<'ListQueues'>['queues'][number];

/** A day: what the daemon allows at most. */
const WAIT_MILLIS_MAX = 86_400_000;
const FIRST_PAUSE_MILLIS = 10;
const LONGEST_PAUSE_MILLIS = 1_000;

/** Reasons for a channel's end after which another one will do. Others say that this program is at fault. */
const recoverable: ReadonlySet<ErrorCode> = new Set(['ENGINE_LOST', 'DAEMON_STOPPING']);
/** What a call fails with while processes of the daemon are being started again. */
const passing: ReadonlySet<ErrorCode> = new Set([
  'NO_DAEMON',
  'ENGINE_UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'NO_SUCH_CHANNEL',
  'TOKEN_REFUSED',
]);

/** A channel with the calls that concern it. */
interface Open {
  readonly path: RequestPath;
  readonly control: ChannelControl;
}

/** How far setting up again has come. */
interface Progress {
  /** The fresh channel. */
  open: Open | undefined;
  /** What is still to be shared and opened in it. */
  regions: Set<Region>;
  sessions: Set<Session>;
  /** What it has been lent. */
  readonly grants: Map<Queue, ResponseFrom<'RequestQueue'>>;
}

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
  readonly #queues = new Map<Queue, { readonly options: QueueOptions }>();
  readonly #sessions = new Set<Session>();
  readonly #regions = new Set<Region>();
  /** Numbers of regions whose memory is being fetched. */
  readonly #arriving = new Set<number>();

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
      this.#open = await repeat(this.#control.timeoutMillis, () => this.#openChannel(), isWorthAnother);
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
    this.#queues.set(queue, { options });
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
    for (const region of this.#regions) await this.#mapRegion(lent, region);
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
      this.#transport.share(control, bytes, this.#arriving),
    );
    const region = new Region(this, bytes, number, memory);
    this.#regions.add(region);
    this.#arriving.delete(number);
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
    if (!this.#regions.delete(region) || this.#over !== undefined) return;
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
    if (!this.#sessions.delete(session) || this.#over !== undefined) return;
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
      if (!this.#queues.delete(queue) || this.#over !== undefined) return;
      const operation = `release queue ${queue.number}`;
      await this.#onChannel((control) => control.release('ReleaseQueue', { queue: queue.number }, operation));
    },
    openSession: async (queue: Queue, options: SessionOptions): Promise<Session> => {
      const { algorithm } = queue;
      const number = await this.#onChannel((control) => openSession(control, algorithm, options));
      const session = new Session(this, algorithm, options, number);
      this.#sessions.add(session);
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
      queues: new Set([...this.#queues.keys(), ...this.#direct.values()].map(({ number }) => number)),
      sessions: new Set([...this.#sessions].map(({ number }) => number)),
      regions: new Set([...this.#arriving, ...[...this.#regions].map(({ number }) => number)]),
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
    const endMillis = performance.now() + this.#reconnectMillis;
    const progress: Progress = {
      open: undefined,
      regions: new Set(),
      sessions: new Set(),
      grants: new Map(),
    };
    let pauseMillis = FIRST_PAUSE_MILLIS;
    while (this.#over === undefined) {
      try {
        await this.#setUpAgain(progress);
        if (this.#open !== undefined) return;
      } catch (error) {
        const failure = asWarpError(error, 'set the connection up again');
        if (failure.code === 'NO_SUCH_CHANNEL') progress.open?.path.close();
        if (!passing.has(failure.code) || performance.now() > endMillis) this.#end(failure);
      }
      // Many clients lose the same daemon at once: they come back at different moments.
      if (this.#over === undefined) await sleep(pauseMillis * (0.5 + Math.random()));
      pauseMillis = Math.min(pauseMillis * 2, LONGEST_PAUSE_MILLIS);
    }
    progress.open?.path.close();
  }

  /**
   * One try, which goes on where the one before had to stop. Queues see the fresh channel only when everything in it
   * has its number.
   */
  async #setUpAgain(progress: Progress): Promise<void> {
    if (progress.open === undefined || progress.open.path.isEnded) {
      progress.open = await this.#openChannel();
      progress.regions = new Set(this.#regions);
      progress.sessions = new Set(this.#sessions);
      progress.grants.clear();
    }
    const { path, control } = progress.open;
    for (const region of progress.regions) {
      if (this.#regions.has(region)) {
        const number = await this.#transport.shareAgain(control, region, this.#arriving);
        region.renumber(number);
        this.#arriving.delete(number);
      }
      progress.regions.delete(region);
    }
    for (const session of progress.sessions) {
      session.renumber(await openSession(control, session.algorithm, session.options));
      progress.sessions.delete(session);
    }
    for (const [queue, { options }] of this.#queues) {
      if (progress.grants.has(queue)) continue;
      progress.grants.set(queue, await requestQueue(control, { ...options, depth: queue.depth }));
    }
    if (path.isEnded || this.#over !== undefined) return;
    this.#open = progress.open;
    for (const [queue, granted] of progress.grants) queue.renew(granted.queue, granted.device);
  }

  #end(why: WarpError): void {
    this.#over = why;
    const open = this.#open;
    this.#open = undefined;
    open?.path.close();
    this.#abandonDirect();
    for (const queue of this.#queues.keys()) queue.fail(why);
    for (const region of this.#regions) region.discard();
    this.#queues.clear();
    this.#regions.clear();
    this.#sessions.clear();
    this.#control.close();
  }
}

function requestQueue(control: ChannelControl, options: QueueOptions): Promise<ResponseFrom<'RequestQueue'>> {
  const wanted = wantedQueue(options);
  return control.call(
    'RequestQueue',
    wanted,
    `request a queue for "${options.algorithm}"`,
    wanted.waitMillis,
  );
}

/** Throws INVALID_ARGUMENT. */
function wantedQueue(options: QueueOptions) {
  const { algorithm, device = '', mode = 'shared', depth = 0, waitMillis = 0 } = options;
  const operation = `request a queue for "${algorithm}"`;
  if (mode !== 'shared' && mode !== 'direct') {
    const found = `mode "${String(mode)}"`;
    throw new WarpError('INVALID_ARGUMENT', { operation, found, hint: 'use "shared" or "direct"' });
  }
  const queueMode = mode === 'direct' ? 'QUEUE_MODE_DIRECT' : 'QUEUE_MODE_SHARED';
  if (!Number.isInteger(waitMillis) || waitMillis < 0 || waitMillis > WAIT_MILLIS_MAX) {
    const found = `waitMillis ${String(waitMillis)}`;
    const hint = `give a whole number from 0 to ${WAIT_MILLIS_MAX}`;
    throw new WarpError('INVALID_ARGUMENT', { operation, found, hint });
  }
  return { algorithm, device, depth, mode: queueMode, waitMillis } as const;
}

async function openSession(
  control: ChannelControl,
  algorithm: AlgorithmName,
  options: SessionOptions,
): Promise<number> {
  const parameters = 'level' in options ? { level: options.level } : { key: Buffer.from(options.key) };
  const operation = `open a session for "${algorithm}"`;
  return (await control.call('OpenSession', { algorithm, ...parameters }, operation)).session;
}

/** What the next way may do better: this one can't be had here, or nobody is there. */
const worthAnotherWay: ReadonlySet<ErrorCode> = new Set([
  'UNSUPPORTED',
  'NO_DAEMON',
  'SYSTEM_CALL',
  'TOKEN_REFUSED',
  'PROTOCOL_MISMATCH',
]);

/**
 * Connects to the daemon, by the first way that works: shared memory, gRPC on the Unix socket, and, if an address is
 * given, TLS. Throws what the first of them failed with: NO_DAEMON if none answers, QUOTA_EXCEEDED if the user has too
 * many channels.
 */
export async function connect(options: ConnectOptions = {}): Promise<Connection> {
  const runtimeDir = options.runtimeDir ?? findRuntimeDir(process.env, process.getuid?.() ?? 0);
  const address = options.address ?? process.env['WARPDRIVE_ADDRESS'];
  const everyWay: readonly TransportName[] = ['fast-path', 'grpc', 'grpcs'];
  const ways = everyWay.filter((name) =>
    options.transport === undefined ? name !== 'grpcs' || address !== undefined : name === options.transport,
  );
  let failure: WarpError | undefined;
  for (const name of ways) {
    // Nobody behind the socket that both ways on this host begin with.
    if (name === 'grpc' && failure?.code === 'NO_DAEMON' && failure.found.endsWith(GRPC_SOCKET)) continue;
    try {
      const transport = await makeTransport(name, { ...options, runtimeDir, address: address ?? '' });
      const connection = new Connection(transport, runtimeDir, options);
      await connection.open();
      return connection;
    } catch (error) {
      failure ??= asWarpError(error, 'connect');
      if (!worthAnotherWay.has(asWarpError(error, 'connect').code)) throw error;
    }
  }
  const hint = `give one of ${everyWay.join(', ')}`;
  const found = `transport "${String(options.transport)}"`;
  throw failure ?? new WarpError('INVALID_ARGUMENT', { operation: 'connect', found, hint });
}

async function makeTransport(
  name: TransportName,
  {
    runtimeDir,
    address,
    tls,
    timeoutMillis = 5_000,
  }: ConnectOptions & { runtimeDir: string; address: string },
): Promise<Transport> {
  if (name === 'grpcs')
    return new StreamTransport(name, new Control(tlsEndpoint(address, tls), timeoutMillis));
  const endpoint = unixEndpoint(join(runtimeDir, GRPC_SOCKET));
  if (name === 'grpc') return new StreamTransport(name, new Control(endpoint, timeoutMillis));
  const { FastTransport } = await loadFastTransport();
  return new FastTransport(new Control(endpoint, timeoutMillis), runtimeDir);
}

/** Throws UNSUPPORTED where the system can't be called: in a worker thread, or where the FFI library doesn't load. */
async function loadFastTransport(): Promise<typeof import('./fast-transport.ts')> {
  try {
    return await import('./fast-transport.ts');
  } catch (error) {
    if (error instanceof WarpError) throw error;
    const found = `the FFI library can't be loaded: ${(error as Error).message}`;
    throw new WarpError('UNSUPPORTED', { operation: 'use shared memory', found, cause: error });
  }
}
