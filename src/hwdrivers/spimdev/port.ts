// A SPIMDEV hardware queue as a port of the engine. The host (the custodian) takes the queue and maps memory; this
// file brings the driver of its format up on it, and a fresh queue after one was lost.
//
//     idle --wanted--> take ---> open ---> serve ---> lost (stopped by somebody, reset, timed out) ---> give back ---> take ...
//       ^                                    |
//       +------- give back <-- not wanted ---+

import { asWarpError } from '../../shared/errors.ts';
import { RestartPolicy } from '../../shared/restart-policy.ts';
import type { Fd } from '../../sys/fd.ts';
import { type HardwareQueue, SEND_FULL } from '../driver.ts';
import type { Port, PortEvents } from '../port.ts';
import { BouncePool } from './bounce-pool.ts';
import { BounceQueue } from './bounce-queue.ts';
import type { DeviceMemory } from './device-memory.ts';
import type { SpimdevDriver, SpimdevQueue } from './driver.ts';
import { driverOf } from './drivers.ts';
import type { SpimdevHost, TakenQueue } from './host.ts';
import { SpimdevTransport } from './transport.ts';

/** Requests in one port at most: the tags of a queue that isn't there yet have to have a bound. */
const PORT_DEPTH = 64;
/** Queues lost in a row without a completed request after which the port is called failed. */
const FAILURES_MAX = 3;

/**
 * An empty queue isn't watched, since watching costs system calls: how often its end is looked for, milliseconds. A kernel
 * whose device is being taken away waits for that.
 */
const LOOK_MILLIS = 500;

/** All that lives and dies with one hardware queue. */
interface Life {
  readonly id: number;
  readonly lookTimer: NodeJS.Timeout;
  readonly transport: SpimdevTransport;
  readonly queue: SpimdevQueue;
  /** Where requests are copied. */
  readonly pool: BouncePool | undefined;
}

export function openSpimdevPort(host: SpimdevHost, memory: DeviceMemory, events: PortEvents): Port {
  return new SpimdevPort(host, memory, events);
}

class SpimdevPort implements Port {
  readonly queue: HardwareQueue;
  readonly #host: SpimdevHost;
  readonly #memory: DeviceMemory;
  readonly #events: PortEvents;
  readonly #policy = new RestartPolicy();
  readonly #ignoreMemory: () => void;
  readonly #regions = new Set<number>();
  #life: Life | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  /** Something with the host is under way, whose end decides what is next. */
  #isBusy = false;
  /** Settles when the queue that was given back last is the host's again. */
  #givenBack: Promise<void> = Promise.resolve();
  #isWanted = false;
  #isFailed = false;
  #isClosed = false;

  constructor(host: SpimdevHost, memory: DeviceMemory, events: PortEvents) {
    this.#host = host;
    this.#memory = memory;
    this.#events = events;
    this.#ignoreMemory = memory.listen(() => events.onWake());
    this.queue = {
      depth: PORT_DEPTH,
      send: (rows, base, tag, completion) => {
        const life = this.#life;
        if (life === undefined || !this.#isRunning(life)) return SEND_FULL;
        return life.queue.send(rows, base, tag, completion);
      },
      recv: (completion) => {
        const isThere = this.#life?.queue.recv(completion) ?? false;
        if (isThere) this.#policy.served();
        if (isThere && !this.#isWanted) queueMicrotask(() => this.#letGoIfIdle());
        return isThere;
      },
      close: () => this.#life?.transport.stop(),
    };
    void this.#advance();
  }

  setWanted(isWanted: boolean): void {
    if (this.#isWanted === isWanted) return;
    this.#isWanted = isWanted;
    if (!isWanted) this.#letGoIfIdle();
    else if (this.#life === undefined && this.#restartTimer === undefined) void this.#advance();
  }

  runningTag(): number {
    return this.#life?.queue.runningTag() ?? -1;
  }

  /** A device doesn't stand still because somebody stopped a process. */
  isStopped(): boolean {
    return false;
  }

  prepareSleep(): boolean {
    const life = this.#life;
    if (life === undefined) return true;
    if (life.queue.hasCompletion()) return false;
    this.#listen(life);
    return true;
  }

  addRegion(handle: number, memory: Fd, bytes: number): Promise<void> {
    this.#regions.add(handle);
    return this.#memory.add(handle, memory, bytes);
  }

  removeRegion(handle: number): void {
    if (this.#regions.delete(handle)) this.#memory.remove(handle);
  }

  /** Sessions belong to algorithms that no SPIMDEV driver of ours has. */
  addSession(): void {}
  removeSession(): void {}

  reset(): void {
    const life = this.#life;
    if (life === undefined) return;
    life.transport.stop();
    queueMicrotask(() => this.#lost(life, 'it was reset'));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#restartTimer);
    this.#ignoreMemory();
    for (const handle of this.#regions) this.#memory.remove(handle);
    this.#regions.clear();
    this.#giveBack();
    await this.#givenBack;
  }

  /** The next step: takes a queue if one is wanted; if not, looks whether one could be had. */
  async #advance(): Promise<void> {
    if (this.#isBusy || this.#isClosed || this.#life !== undefined) return;
    this.#isBusy = true;
    const isTaking = this.#isWanted;
    try {
      // A queue that was given back may be the only one there is.
      await this.#givenBack;
      if (isTaking) this.#begin(await this.#open());
      else await this.#host.check();
    } catch (error) {
      this.#isBusy = false;
      this.#retry(asWarpError(error, 'take a hardware queue').message);
      return;
    }
    this.#isBusy = false;
    if (isTaking) return;
    this.#isFailed = false;
    this.#policy.served();
    if (this.#isWanted) void this.#advance();
    else if (!this.#isClosed) this.#events.onIdle();
  }

  #begin(life: Life): void {
    this.#life = life;
    // It may have been waited for until nobody wanted it any more.
    if (this.#isClosed) {
      this.#giveBack();
    } else if (this.#isWanted) {
      // A queue is told of its end by the same wake-up as of its completions.
      this.#listen(life);
      this.#isFailed = false;
      this.#events.onReady(new Map());
    } else {
      queueMicrotask(() => this.#letGoIfIdle());
    }
  }

  /** Gives a queue back that nobody wants, once it has completed what it holds. */
  #letGoIfIdle(): void {
    if (this.#isWanted || this.#isClosed || this.#life === undefined || this.runningTag() !== -1) return;
    this.#giveBack();
    this.#events.onIdle();
  }

  async #open(): Promise<Life> {
    const taken = await this.#host.takeQueue();
    try {
      const life = this.#bringUp(taken, driverOf(taken.deviceApi));
      this.#memory.retry();
      return { ...life, id: taken.id, lookTimer: setInterval(() => this.#look(), LOOK_MILLIS).unref() };
    } catch (error) {
      taken.fd.close();
      taken.bounce?.memory.close();
      await this.#host.returnQueue(taken.id);
      throw error;
    }
  }

  #bringUp({ fd, bounce }: TakenQueue, driver: SpimdevDriver): Pick<Life, 'transport' | 'queue' | 'pool'> {
    const memory = this.#memory;
    if (bounce === undefined) {
      const transport = new SpimdevTransport(fd, driver.memoryBytes, memory);
      return { transport, queue: driver.open(transport), pool: undefined };
    }
    const pool = new BouncePool(bounce, driver.requestBytesMax);
    try {
      const transport = new SpimdevTransport(fd, driver.memoryBytes, pool);
      return { transport, queue: new BounceQueue(driver.open(transport), pool, memory), pool };
    } catch (error) {
      pool.release();
      throw error;
    }
  }

  #look(): void {
    if (this.#life !== undefined) this.#isRunning(this.#life);
  }

  #listen(life: Life): void {
    life.transport.wakeOnce(() => {
      if (life !== this.#life) return;
      if (this.#isRunning(life)) this.#events.onWake();
    });
  }

  /** A queue that was empty when it was stopped tells nobody: what is sent now would be lost with it. */
  #isRunning(life: Life): boolean {
    const { state } = life.transport;
    if (state === 'running') return true;
    // Later: its owner is in the middle of sending.
    queueMicrotask(() => this.#lost(life, `the kernel says that it is ${state}`));
    return false;
  }

  #lost(life: Life, found: string): void {
    if (life !== this.#life) return;
    this.#events.onLost(found);
    this.#giveBack();
    if (this.#isWanted) this.#retry(found);
    else void this.#advance();
  }

  #retry(found: string): void {
    if (this.#isClosed) return;
    const pause = this.#policy.died();
    // Where nobody waits for the device it is told once. Requests that wait hear of it each time that it is tried in vain.
    const isTold = this.#isWanted ? this.#policy.failures >= FAILURES_MAX : !this.#isFailed;
    this.#isFailed ||= isTold;
    if (isTold) this.#events.onFailed(found);
    clearTimeout(this.#restartTimer);
    this.#restartTimer = setTimeout(() => {
      this.#restartTimer = undefined;
      void this.#advance();
    }, pause);
  }

  /** The queue, if there is one, is the host's again when `#givenBack` settles. */
  #giveBack(): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    clearInterval(life.lookTimer);
    // Its own descriptor stops it too, should the host be gone.
    if (life.transport.state === 'running') life.transport.stop();
    life.transport.close();
    life.pool?.release();
    this.#givenBack = this.#host.returnQueue(life.id).catch(() => {});
  }
}
