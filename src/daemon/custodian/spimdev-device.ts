// One SPIMDEV device as the custodian owns it: an mdev that it has made on a parent, opened when the first queue is
// wanted, with its hardware queues and the memory that they reach.
//
//     start: mdev created                        no hardware is taken
//     first queue: container, group, device      still none
//     takeQueue: GET_Q                           one, until it is returned; when none is left, callers wait in line
//     close: queues stopped, memory unmapped, mdev removed

import type { SpimdevHost, TakenQueue } from '../../hwdrivers/spimdev/host.ts';
import { isStoppable, stopQueue } from '../../hwdrivers/spimdev/stop.ts';
import { memoryModeOf, type MemoryMode } from '../../hwdrivers/spimdev/memory-mode.ts';
import { type Parent, readParent, readTypeFor } from '../../hwdrivers/spimdev/parents.ts';
import { WarpError } from '../../shared/errors.ts';
import type { Fd } from '../../sys/fd.ts';
import { DmaSpace } from './dma-space.ts';
import type { IovaSpace } from './iova-space.ts';
import type { Mdev, MdevStore } from './mdev-store.ts';
import { closeMdev, getQueue, openMdev, type OpenMdev } from './vfio.ts';

/** How often the kernel is asked again for a queue: others may return one without our knowledge. */
const RETRY_MILLIS = 100;
const REMOVE_MILLIS_MAX = 30_000;

export interface SpimdevDeviceOptions {
  /** Name in /sys/class/spimdev. */
  readonly parent: string;
  readonly algorithm: string;
  readonly allowNoiommu: boolean;
  readonly store: MdevStore;
  /** Of the parent: all devices on it share one. */
  readonly iovas: IovaSpace;
  readonly root?: string;
}

interface Waiter {
  readonly resolve: (queue: TakenQueue) => void;
  readonly reject: (error: unknown) => void;
  timer: NodeJS.Timeout | undefined;
}

interface Opened {
  readonly mdev: OpenMdev;
  readonly memory: DmaSpace;
}

export class SpimdevDevice implements SpimdevHost {
  readonly mode: MemoryMode;
  readonly #options: SpimdevDeviceOptions;
  readonly #parent: Parent;
  readonly #deviceApi: string;
  readonly #mdev: Mdev;
  /** Our own descriptors of the queues that are taken: by them a queue can be stopped. */
  readonly #queues = new Map<number, Fd>();
  readonly #line: Waiter[] = [];
  #opened: Opened | undefined;
  #lastId = 0;
  #retryTimer: NodeJS.Timeout | undefined;

  /** Creates the mdev. Throws DEVICE_UNUSABLE where the host has not what is needed; nothing is left behind then. */
  static async start(options: SpimdevDeviceOptions): Promise<SpimdevDevice> {
    const parent = readParent(options.parent, options.root);
    if (parent.variant !== 'RFC v1') {
      throw new WarpError('UNSUPPORTED', {
        operation: `open queues of ${parent.name}`,
        found: `its kernel speaks SPIMDEV as ${parent.variant} does`,
        hint: 'only the variant "RFC v1" is supported',
      });
    }
    const mode = memoryModeOf(parent, options);
    if (mode === 'physical') {
      throw new WarpError('UNSUPPORTED', {
        operation: `open queues of ${parent.name}`,
        found: 'it has no IOMMU, and this version has no bounce buffers for such devices',
        hint: 'turn the IOMMU on',
      });
    }
    const type = readTypeFor(parent, options.algorithm);
    const mdev = await options.store.create(parent, type);
    return new SpimdevDevice(options, parent, mode, type.deviceApi, mdev);
  }

  private constructor(
    options: SpimdevDeviceOptions,
    parent: Parent,
    mode: MemoryMode,
    deviceApi: string,
    mdev: Mdev,
  ) {
    this.#options = options;
    this.#parent = parent;
    this.mode = mode;
    this.#deviceApi = deviceApi;
    this.#mdev = mdev;
  }

  get uuid(): string {
    return this.#mdev.uuid;
  }

  takeQueue(options?: { readonly deadlineMillis: number }): Promise<TakenQueue> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { resolve, reject, timer: undefined };
      if (options !== undefined) {
        waiter.timer = setTimeout(() => this.#giveUp(waiter, options.deadlineMillis), options.deadlineMillis);
      }
      this.#line.push(waiter);
      if (this.#line.length === 1) this.#serve();
    });
  }

  #giveUp(waiter: Waiter, deadlineMillis: number): void {
    this.#line.splice(this.#line.indexOf(waiter), 1);
    waiter.reject(
      new WarpError('NO_HARDWARE_QUEUE', {
        operation: `take a hardware queue of ${this.#parent.name}`,
        found: `none was given back within ${deadlineMillis} ms; ${this.#queues.size} are taken by this daemon`,
      }),
    );
  }

  /** Stops a queue, for whoever it was handed to as well. Nothing happens for a number that is not in use. */
  returnQueue(id: number): Promise<void> {
    const fd = this.#queues.get(id);
    if (fd !== undefined) {
      this.#queues.delete(id);
      stopQueue(fd);
      fd.close();
      this.#serve();
    }
    return Promise.resolve();
  }

  async mapMemory(memory: Fd, bytes: number): Promise<number> {
    return this.#open().memory.map(memory, bytes);
  }

  async unmapMemory(address: number): Promise<void> {
    await this.#open().memory.unmap(address);
  }

  /** In its own process it can't be lost. */
  onRenewed(): void {}

  /** Ends everything, and removes the mdev. Throws DEADLINE_EXCEEDED, with who holds it, if that takes too long. */
  async close(): Promise<void> {
    clearTimeout(this.#retryTimer);
    for (const { reject, timer } of this.#line.splice(0)) {
      clearTimeout(timer);
      reject(
        new WarpError('CANCELLED', { operation: 'take a hardware queue', found: 'the device is closed' }),
      );
    }
    for (const id of this.#queues.keys()) await this.returnQueue(id);
    if (this.#opened !== undefined) {
      await this.#opened.memory.unmapAll();
      closeMdev(this.#opened.mdev);
      this.#opened = undefined;
    }
    await this.#options.store.remove(this.#mdev, { deadlineMillis: REMOVE_MILLIS_MAX });
  }

  #open(): Opened {
    if (this.#opened === undefined) {
      const { root } = this.#options;
      const { iommuType } = this.#parent;
      const mdev = openMdev(this.#mdev.uuid, { iommuType, ...(root === undefined ? {} : { root }) });
      this.#opened = { mdev, memory: new DmaSpace(mdev, this.#options.iovas) };
    }
    return this.#opened;
  }

  /** Gives queues to those who wait, in the order in which they came. */
  #serve(): void {
    clearTimeout(this.#retryTimer);
    for (let waiter = this.#line[0]; waiter !== undefined; waiter = this.#line[0]) {
      try {
        const queue = this.#takeNow();
        if (queue === undefined) {
          this.#retryTimer = setTimeout(() => this.#serve(), RETRY_MILLIS);
          return;
        }
        waiter.resolve(queue);
      } catch (error) {
        waiter.reject(error);
      }
      clearTimeout(waiter.timer);
      this.#line.shift();
    }
  }

  #takeNow(): TakenQueue | undefined {
    const own = getQueue(this.#open().mdev);
    if (own === undefined) return undefined;
    const id = ++this.#lastId;
    this.#queues.set(id, own);
    return { id, fd: own.dup(), deviceApi: this.#deviceApi, isStoppable: isStoppable(own) };
  }
}
