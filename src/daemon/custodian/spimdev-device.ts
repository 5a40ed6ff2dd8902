// One SPIMDEV device as the custodian owns it, for one user: an mdev that it has made on a parent, open while the user
// has hardware queues of it or memory that it reaches.
//
//     start: mdev created                                no hardware is taken
//     first queue or memory: container, group, device    still none
//     takeQueue: GET_Q                                   one, until it is returned; when none is left, callers wait in line
//     nothing is left: device, group, container closed   the mdev stays
//     close: queues stopped, memory unmapped, mdev removed
//
// Without an IOMMU nothing is mapped: a queue then comes with pinned memory, and reaches nothing else by our doing.
//
// A parent that goes away is noticed at the next call: all is let go of then, which is what the kernel waits for.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BOUNCE_GRACE_MILLIS } from '../../hwdrivers/spimdev/bounce-pool.ts';
import type { SpimdevHost, TakenQueue } from '../../hwdrivers/spimdev/host.ts';
import { isStoppable, stopQueue } from '../../hwdrivers/spimdev/stop.ts';
import { directRefusal, memoryModeOf, type MemoryMode } from '../../hwdrivers/spimdev/memory-mode.ts';
import { type Parent, readParent, readTypeFor } from '../../hwdrivers/spimdev/parents.ts';
import { unusable } from '../../hwdrivers/spimdev/sysfs.ts';
import { WarpError } from '../../shared/errors.ts';
import type { Fd } from '../../sys/fd.ts';
import { PINNED_BYTES, type PinnedMemory, pinMemory } from '../../sys/pinned-memory.ts';
import { DmaSpace } from './dma-space.ts';
import type { Mdev, MdevStore } from './mdev-store.ts';
import type { ParentUse, QueueBudget } from './parent-use.ts';
import { closeMdev, getQueue, openMdev, type OpenMdev } from './vfio.ts';

/** How often the kernel is asked again for a queue: others may return one without our knowledge. */
const RETRY_MILLIS = 100;
/** Pinned pages for each hardware queue without an IOMMU: one in use, one that is kept. So many are to be reserved. */
const PAGES_PER_QUEUE = 2;
const REMOVE_MILLIS_MAX = 30_000;

export interface SpimdevDeviceOptions {
  /** Name in /sys/class/spimdev. */
  readonly parent: string;
  readonly algorithm: string;
  readonly allowNoiommu: boolean;
  readonly store: MdevStore;
  /** Of the parent: all devices on it share one. */
  readonly use: ParentUse;
  /** Whose queues these are: see parent-use.ts. */
  readonly user: string;
  /** Of the configured device. */
  readonly budget: QueueBudget;
  readonly root?: string;
}

/** A hardware queue that is taken. */
interface Taken {
  /** Our own descriptor: by it the queue can be stopped. */
  readonly fd: Fd;
  /** What it reaches of a device without an IOMMU. */
  readonly pinned: PinnedMemory | undefined;
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
  readonly #queues = new Map<number, Taken>();
  readonly #line: Waiter[] = [];
  #opened: Opened | undefined;
  #isGone = false;
  #lastId = 0;
  /** Pages of queues that were stopped, and may still be written to. */
  #pagesKept = 0;
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

  get type(): string {
    return this.#mdev.type;
  }

  /** Its mdev is going away, by somebody else's will: only another device can serve. */
  get isGone(): boolean {
    this.#isGone ||= !existsSync(this.#busPath);
    return this.#isGone;
  }

  /** A removal that waits for us to let go has taken it from the bus already. */
  get #busPath(): string {
    return join(this.#options.root ?? '/', 'sys/bus/mdev/devices', this.uuid);
  }

  /** Whether other users have the parent, which doesn't separate them. */
  get #isOthers(): boolean {
    const { use, user } = this.#options;
    return this.mode !== 'per-process' && !use.isFreeFor(user);
  }

  takeQueue(options?: {
    readonly deadlineMillis: number;
    readonly signal?: AbortSignal;
  }): Promise<TakenQueue> {
    const notWanted = (): WarpError => cancelled('nobody waits for it any more');
    return new Promise((resolve, reject) => {
      if (options?.signal?.aborted === true) throw notWanted();
      const waiter: Waiter = { resolve, reject, timer: undefined };
      if (options !== undefined) {
        const { deadlineMillis, signal } = options;
        waiter.timer = setTimeout(() => this.#giveUp(waiter, this.#tooLate(deadlineMillis)), deadlineMillis);
        signal?.addEventListener('abort', () => this.#giveUp(waiter, notWanted()));
      }
      this.#line.push(waiter);
      if (this.#line.length === 1) this.#serve();
    });
  }

  #giveUp(waiter: Waiter, reason: WarpError): void {
    const place = this.#line.indexOf(waiter);
    if (place === -1) return;
    this.#line.splice(place, 1);
    clearTimeout(waiter.timer);
    waiter.reject(reason);
    this.#closeIfIdle();
  }

  #tooLate(deadlineMillis: number): WarpError {
    const { budget } = this.#options;
    const found = this.#isOthers
      ? directRefusal(this.mode, { isOneTenantOnly: false, isStoppable: true })
      : `none was given back within ${deadlineMillis} ms; ${budget.taken} are taken by this daemon`;
    const operation = `take a hardware queue of ${this.#parent.name}`;
    return new WarpError('NO_HARDWARE_QUEUE', { operation, found });
  }

  /** Stops a queue, for whoever it was handed to as well. Nothing happens for a number that is not in use. */
  returnQueue(id: number): Promise<void> {
    if (this.#stop(id)) {
      this.#closeIfIdle();
      this.#serve();
    }
    return Promise.resolve();
  }

  #stop(id: number): boolean {
    const taken = this.#queues.get(id);
    if (taken === undefined) return false;
    this.#queues.delete(id);
    this.#options.budget.taken -= 1;
    stopQueue(taken.fd);
    taken.fd.close();
    const { pinned } = taken;
    if (pinned !== undefined) this.#keepForAWhile(pinned);
    return true;
  }

  /** A request that the device has begun may still write there. */
  #keepForAWhile(pinned: PinnedMemory): void {
    this.#pagesKept += 1;
    const letGo = (): void => {
      this.#pagesKept -= 1;
      pinned.close();
    };
    setTimeout(letGo, BOUNCE_GRACE_MILLIS).unref();
  }

  /** While the parent is another user's alone, waits. */
  async mapMemory(memory: Fd, bytes: number): Promise<number | undefined> {
    if (this.mode === 'physical') return undefined;
    let opened = this.#open();
    for (; opened === undefined; opened = this.#open()) await sleep(RETRY_MILLIS);
    try {
      return await opened.memory.map(memory, bytes);
    } finally {
      this.#closeIfIdle();
    }
  }

  /** Resolves when the device can't reach the memory any more. */
  async unmapMemory(address: number): Promise<void> {
    // Nothing is reached by a device that is closed.
    await this.#opened?.memory.unmap(address);
    this.#closeIfIdle();
  }

  check(): Promise<void> {
    return Promise.resolve();
  }

  /** In its own process it can't be lost. */
  onRenewed(): void {}

  /** Ends everything, and removes the mdev. Throws DEADLINE_EXCEEDED, with who holds it, if that takes too long. */
  async close(): Promise<void> {
    clearTimeout(this.#retryTimer);
    for (const { reject, timer } of this.#line.splice(0)) {
      clearTimeout(timer);
      reject(cancelled('the device is closed'));
    }
    await this.#letGo();
    await this.#options.store.remove(this.#mdev, { deadlineMillis: REMOVE_MILLIS_MAX });
  }

  async #letGo(): Promise<void> {
    for (const id of this.#queues.keys()) this.#stop(id);
    await this.#opened?.memory.unmapAll();
    this.#closeIfIdle();
  }

  /** undefined while the parent is another user's. Throws DEVICE_UNUSABLE. */
  #open(): Opened | undefined {
    if (this.isGone) {
      // What can't be ended in order any more ends with the last descriptor.
      this.#letGo().catch(() => {});
      const hint = 'its driver, or the device itself, was taken away; it is tried again when it is back';
      throw unusable(`use the mdev ${this.uuid}`, `${this.#busPath} does not exist any more`, hint);
    }
    if (this.#opened !== undefined) return this.#opened;
    if (this.#isOthers) return undefined;
    const { root, use, user } = this.#options;
    const { iommuType } = this.#parent;
    const mdev = openMdev(this.#mdev.uuid, { iommuType, ...(root === undefined ? {} : { root }) });
    this.#opened = { mdev, memory: new DmaSpace(mdev, use.iovas) };
    use.enter(user);
    return this.#opened;
  }

  #closeIfIdle(): void {
    if (this.#opened === undefined || this.#queues.size > 0 || this.#line.length > 0) return;
    if (!this.#opened.memory.isEmpty) return;
    closeMdev(this.#opened.mdev);
    this.#opened = undefined;
    this.#options.use.leave(this.#options.user);
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
    this.#closeIfIdle();
  }

  #takeNow(): TakenQueue | undefined {
    const { budget } = this.#options;
    const opened = this.#open();
    if (opened === undefined || budget.isSpent) return undefined;
    // Whoever takes and gives back all the time waits for pages that are kept, and takes none from others.
    if (this.#queues.size + this.#pagesKept >= PAGES_PER_QUEUE * budget.max) return undefined;
    const own = getQueue(opened.mdev);
    if (own === undefined) return undefined;
    let pinned: PinnedMemory | undefined;
    let fd: Fd | undefined;
    try {
      pinned = this.mode === 'physical' ? pinMemory('bounce') : undefined;
      fd = own.dup();
      const bounce = pinned && {
        memory: pinned.memory.dup(),
        bytes: PINNED_BYTES,
        address: pinned.address,
      };
      const id = ++this.#lastId;
      this.#queues.set(id, { fd: own, pinned });
      budget.taken += 1;
      return { id, fd, deviceApi: this.#deviceApi, isStoppable: isStoppable(own), ...(bounce && { bounce }) };
    } catch (error) {
      fd?.close();
      pinned?.close();
      own.close();
      throw error;
    }
  }
}

function cancelled(found: string): WarpError {
  return new WarpError('CANCELLED', { operation: 'take a hardware queue', found });
}
