// A SPIMDEV hardware queue as a port of the engine. The host (the custodian) takes the queue and maps memory; this
// file brings the driver of its format up on it, and a fresh queue after one was lost.
//
//     take ---> open ---> serve ---> lost (stopped by somebody, reset, timed out) ---> give back ---> take ...

import { asWarpError } from '../../shared/errors.ts';
import { RestartPolicy } from '../../shared/restart-policy.ts';
import type { Fd } from '../../sys/fd.ts';
import { type HardwareQueue, SEND_FULL } from '../driver.ts';
import type { Port, PortEvents } from '../port.ts';
import type { DeviceMemory } from './device-memory.ts';
import type { SpimdevQueue } from './driver.ts';
import { driverOf } from './drivers.ts';
import type { SpimdevHost } from './host.ts';
import { SpimdevTransport } from './transport.ts';

/** Requests in one port at most: the tags of a queue that isn't there yet have to have a bound. */
const PORT_DEPTH = 64;
/** Queues lost in a row without a completed request after which the port is called failed. */
const FAILURES_MAX = 3;

/** All that lives and dies with one hardware queue. */
interface Life {
  readonly id: number;
  readonly transport: SpimdevTransport;
  readonly queue: SpimdevQueue;
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
  /** Settles when the taking of a queue that is under way has ended. */
  #taking: Promise<void>;
  #isClosed = false;

  constructor(host: SpimdevHost, memory: DeviceMemory, events: PortEvents) {
    this.#host = host;
    this.#memory = memory;
    this.#events = events;
    this.#ignoreMemory = memory.listen(() => events.onWake());
    this.queue = {
      depth: PORT_DEPTH,
      send: (rows, base, tag, completion) => this.#life?.queue.send(rows, base, tag, completion) ?? SEND_FULL,
      recv: (completion) => {
        const isThere = this.#life?.queue.recv(completion) ?? false;
        if (isThere) this.#policy.served();
        return isThere;
      },
      close: () => this.#life?.transport.stop(),
    };
    this.#taking = this.#take();
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

  addRegion(handle: number, memory: Fd, bytes: number): void {
    this.#regions.add(handle);
    this.#memory.add(handle, memory, bytes);
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
    await this.#taking;
    for (const handle of this.#regions) this.#memory.remove(handle);
    this.#regions.clear();
    const life = this.#life;
    this.#life = undefined;
    if (life !== undefined) await this.#giveBack(life);
  }

  async #take(): Promise<void> {
    try {
      const life = await this.#open();
      if (this.#isClosed) return await this.#giveBack(life);
      this.#life = life;
      // A queue is told of its end by the same wake-up as of its completions.
      this.#listen(life);
      this.#events.onReady(new Map());
    } catch (error) {
      this.#retry(asWarpError(error, 'take a hardware queue').message);
    }
  }

  async #open(): Promise<Life> {
    const { id, fd, deviceApi } = await this.#host.takeQueue();
    try {
      const driver = driverOf(deviceApi);
      const transport = new SpimdevTransport(fd, driver.memoryBytes, this.#memory);
      return { id, transport, queue: driver.open(transport) };
    } catch (error) {
      fd.close();
      await this.#host.returnQueue(id);
      throw error;
    }
  }

  #listen(life: Life): void {
    life.transport.wakeOnce(() => {
      if (life !== this.#life) return;
      const { state } = life.transport;
      if (state === 'running') this.#events.onWake();
      else this.#lost(life, `the kernel says that it is ${state}`);
    });
  }

  #lost(life: Life, found: string): void {
    if (life !== this.#life) return;
    this.#events.onLost(found);
    this.#life = undefined;
    this.#taking = this.#giveBack(life).then(() => this.#retry(found));
  }

  #retry(found: string): void {
    if (this.#isClosed) return;
    const pause = this.#policy.died();
    if (this.#policy.failures >= FAILURES_MAX) this.#events.onFailed(found);
    this.#restartTimer = setTimeout(() => {
      this.#taking = this.#take();
    }, pause);
  }

  async #giveBack(life: Life): Promise<void> {
    // Its own descriptor stops it too, should the host be gone.
    if (life.transport.state === 'running') life.transport.stop();
    life.transport.close();
    await this.#host.returnQueue(life.id).catch(() => {});
  }
}
