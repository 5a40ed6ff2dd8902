// The transport of one soft hardware queue: a worker process, its channel, its doorbell and its control socket.
//
//     engine                                   worker
//       channel (memfd) ---------------------> requests, completions
//       doorbell (stream socket) <-----------> wake-ups
//       control (packet socket) -------------> regions with their memfds, sessions; always sent before the
//                                              first request that names them is published
//
// A worker that dies or is reset takes its channel with it: the next one gets a fresh one, and is told again of
// all regions and sessions.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { present } from '../../shared/assert.ts';
import { ClientEnd } from '../../shared/channel/client-end.ts';
import { channelGeometry, formatChannel } from '../../shared/channel/layout.ts';
import { WarpError } from '../../shared/errors.ts';
import { RestartPolicy } from '../../shared/restart-policy.ts';
import type { SessionParameters } from '../../shared/operations.ts';
import { createSealedMemory, mapShared, type Mapping } from '../../sys/memory.ts';
import { isPeerGone } from '../../sys/errno.ts';
import { closeAll, type Descriptor, type Fd } from '../../sys/fd.ts';
import { readProcessStat } from '../../sys/proc-stat.ts';
import { createSocketPair, sendWithFds } from '../../sys/socket.ts';
import { Doorbell } from '../../sys/doorbell.ts';
import { type HardwareQueue, SEND_FULL } from '../driver.ts';
import type { Port, PortEvents } from '../port.ts';
import { SOFT_QUEUE_SLOTS, softDriver, type SoftQueue } from './driver.ts';
import { type ControlMessage, REGIONS_PER_MESSAGE_MAX, type SoftOptions } from './options.ts';

const WORKER_MODULE = fileURLToPath(new URL('./worker.js', import.meta.url));
const CONTROL_RETRY_MILLIS = 1;
/** What a worker may take until it serves, milliseconds. */
const START_MILLIS_MAX = 30_000;
/** Deaths in a row without a completed request after which the device is called failed. */
const FAILURES_MAX = 3;

/** A region's memory is its owner's: it stays open until `removeRegion`. */
interface Region {
  readonly memory: Fd;
  readonly bytes: number;
}

/** All that lives and dies with one worker process. */
interface Life {
  readonly child: ChildProcess;
  readonly mapping: Mapping;
  readonly end: ClientEnd;
  readonly queue: SoftQueue;
  readonly doorbell: Doorbell;
  readonly control: Fd;
  /** It has said that it serves. Before that nothing is sent: a starting engine has better things to do. */
  isReady: boolean;
  messagesSent: number;
  /** What the worker has yet to be told, in order; a number is the handle of a region that it is to map. */
  backlog: (number | ControlMessage)[];
  backlogTimer: NodeJS.Timeout | undefined;
  /** At the end of the turn it is told. */
  isFlushing: boolean;
}

/** `lifeline`: a descriptor that each worker holds for as long as it lives. */
export function openSoftPort(
  name: string,
  options: SoftOptions,
  events: PortEvents,
  lifeline: Descriptor,
): Port {
  return new WorkerPort(name, options, events, lifeline);
}

class WorkerPort implements Port {
  readonly queue: HardwareQueue;
  readonly #name: string;
  readonly #options: SoftOptions;
  readonly #events: PortEvents;
  readonly #lifeline: Descriptor;
  readonly #regions = new Map<number, Region>();
  readonly #sessions = new Map<number, SessionParameters>();
  readonly #policy = new RestartPolicy();
  /** The worker at the moment; undefined while the next start waits. */
  #life: Life | undefined;
  #restartTimer: NodeJS.Timeout | undefined = undefined;
  #onClosed: (() => void) | undefined = undefined;

  constructor(name: string, options: SoftOptions, events: PortEvents, lifeline: Descriptor) {
    this.#lifeline = lifeline;
    this.#name = name;
    this.#options = options;
    this.#events = events;
    this.#life = this.#start();
    this.queue = {
      depth: SOFT_QUEUE_SLOTS,
      // While control messages wait for room, a request could overtake the region that it names.
      send: (rows, base, tag, completion) => {
        const life = this.#life;
        if (life === undefined || life.backlog.length > 0) return SEND_FULL;
        return life.queue.send(rows, base, tag, completion);
      },
      recv: (completion) => {
        const isThere = this.#life?.queue.recv(completion) ?? false;
        if (isThere) this.#policy.served();
        return isThere;
      },
      close: () => this.#life?.child.kill('SIGKILL'),
    };
  }

  runningTag(): number {
    return this.#life?.queue.runningTag() ?? -1;
  }

  isStopped(): boolean {
    const pid = this.#life?.child.pid;
    return pid !== undefined && readProcessStat(pid)?.isStopped === true;
  }

  prepareSleep(): boolean {
    return this.#life?.end.prepareSleep() ?? true;
  }

  /** A worker costs nothing while it sleeps: it is there from the start. */
  setWanted(): void {}

  addRegion(handle: number, memory: Fd, bytes: number): Promise<void> {
    this.#regions.set(handle, { memory, bytes });
    this.#tell(handle);
    return Promise.resolve();
  }

  removeRegion(handle: number): void {
    this.#regions.delete(handle);
    this.#tell({ type: 'remove-region', handle });
  }

  addSession(handle: number, parameters: SessionParameters): void {
    this.#sessions.set(handle, parameters);
    this.#tell(sessionMessage(handle, parameters));
  }

  removeSession(handle: number): void {
    this.#sessions.delete(handle);
    this.#tell({ type: 'remove-session', handle });
  }

  reset(): void {
    // It served, only too long: its end is no failure to start.
    this.#policy.served();
    this.#life?.child.kill('SIGKILL');
  }

  async close(): Promise<void> {
    clearTimeout(this.#restartTimer);
    if (this.#life === undefined) return;
    const closed = new Promise<void>((resolve) => {
      this.#onClosed = resolve;
    });
    this.#life.child.kill('SIGKILL');
    await closed;
  }

  #start(): Life {
    const geometry = channelGeometry(SOFT_QUEUE_SLOTS);
    const memory = createSealedMemory(`${this.#name}-channel`, geometry.totalBytes);
    const mapping = mapShared(memory, geometry.totalBytes);
    const words = mapping.words();
    formatChannel(words, geometry);
    const end = new ClientEnd(words, geometry);
    const [control, workerControl] = createSocketPair('packets', `${this.#name}-control`);
    const [ours, theirs] = createSocketPair('stream', `${this.#name}-doorbell`);
    const { number: lifeline } = this.#lifeline;
    const child = spawn(process.execPath, [WORKER_MODULE, this.#name, JSON.stringify(this.#options)], {
      stdio: ['ignore', 'pipe', 'inherit', workerControl.number, theirs.number, memory.number, lifeline],
    });
    closeAll([workerControl, theirs, memory]);
    const doorbell = new Doorbell(ours, { onRing: () => this.#events.onWake(), onHangUp() {} });
    const queue: SoftQueue = softDriver.open({
      end,
      ring: () => doorbell.ring(),
      controlMessages: () => life.messagesSent,
    });
    const life: Life = {
      child,
      mapping,
      end,
      queue,
      doorbell,
      control,
      isReady: false,
      messagesSent: 0,
      backlog: [],
      backlogTimer: undefined,
      isFlushing: false,
    };
    this.#watch(life);
    return life;
  }

  #watch(life: Life): void {
    let output = '';
    const timer = setTimeout(() => life.child.kill('SIGKILL'), START_MILLIS_MAX);
    life.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (!output.endsWith('\n')) return;
      clearTimeout(timer);
      life.isReady = true;
      this.#flush(life);
      this.#events.onReady(new Map(Object.entries(JSON.parse(output) as Record<string, string>)));
      output = '';
    });
    life.child.once('error', (error) => this.#died(life, error.message));
    life.child.once('exit', (code, signal) => {
      clearTimeout(timer);
      this.#died(life, signal ?? `exit code ${code}`);
    });
  }

  #died(life: Life, found: string): void {
    if (life !== this.#life) return;
    if (this.#onClosed === undefined) this.#events.onLost(found);
    this.#life = undefined;
    clearTimeout(life.backlogTimer);
    life.doorbell.close();
    life.control.close();
    life.mapping.unmap();
    if (this.#onClosed !== undefined) {
      this.#onClosed();
      return;
    }
    const pause = this.#policy.died();
    if (this.#policy.failures >= FAILURES_MAX) this.#events.onFailed(found);
    if (pause === 0) this.#restart();
    else this.#restartTimer = setTimeout(() => this.#restart(), pause);
  }

  #restart(): void {
    this.#life = this.#start();
    for (const handle of this.#regions.keys()) this.#tell(handle);
    for (const [handle, parameters] of this.#sessions) this.#tell(sessionMessage(handle, parameters));
  }

  #tell(what: number | ControlMessage): void {
    const life = this.#life;
    if (life === undefined) return;
    life.backlog.push(what);
    if (life.isReady && life.backlogTimer === undefined) this.#flushSoon(life);
  }

  /** At the end of the turn: regions of many channels go in one message. */
  #flushSoon(life: Life): void {
    if (life.isFlushing) return;
    life.isFlushing = true;
    queueMicrotask(() => {
      life.isFlushing = false;
      if (this.#life === life && life.backlogTimer === undefined) this.#flush(life);
    });
  }

  /** The socket holds some hundred messages; a worker busy with a long request reads none meanwhile. */
  #flush(life: Life): void {
    life.backlogTimer = undefined;
    let told = 0;
    while (told < life.backlog.length) {
      const count = this.#sendNext(life, told);
      if (count === 0) break;
      told += count;
    }
    life.backlog = life.backlog.slice(told);
    if (this.#life !== life) return;
    life.doorbell.ring();
    if (life.backlog.length > 0) {
      life.backlogTimer = setTimeout(() => this.#flush(life), CONTROL_RETRY_MILLIS);
    } else {
      this.#events.onWake();
    }
  }

  /** Sends one message for what is at `at` in the backlog and may go along; returns how much that is. */
  #sendNext(life: Life, at: number): number {
    const next = life.backlog[at];
    if (typeof next === 'object') return this.#sendControl(life, next, []) ? 1 : 0;
    const end = Math.min(at + REGIONS_PER_MESSAGE_MAX, life.backlog.length);
    let last = at;
    while (last < end && typeof life.backlog[last] === 'number') last += 1;
    // A region that was removed while it waited need not be told.
    const handles = (life.backlog.slice(at, last) as number[]).filter((handle) => this.#regions.has(handle));
    const regions = handles.map((handle) => present(this.#regions.get(handle), 'a region just found'));
    if (regions.length === 0) return last - at;
    const message = { type: 'add-regions', handles, bytes: regions.map(({ bytes }) => bytes) } as const;
    const memories = regions.map(({ memory }) => memory);
    return this.#sendControl(life, message, memories) ? last - at : 0;
  }

  #sendControl(life: Life, message: ControlMessage, memories: readonly Fd[]): boolean {
    try {
      const bytes = Buffer.from(JSON.stringify(message));
      const isSent = sendWithFds(life.control.number, bytes, memories);
      if (isSent) life.messagesSent += 1;
      return isSent;
    } catch (error) {
      // The worker is gone: its exit is on its way, and the next one is told everything.
      if (isPeerGone(error)) return true;
      // Short of memory or of descriptors in flight: that passes.
      if (error instanceof WarpError && error.code === 'SYSTEM_CALL') return false;
      throw error;
    }
  }
}

function sessionMessage(handle: number, parameters: SessionParameters): ControlMessage {
  const level = parameters.kind === 'level' ? parameters.level : 0;
  const key = parameters.kind === 'key' ? parameters.key.toString('base64') : '';
  return { type: 'add-session', handle, level, key };
}
