// How a SPIMDEV hardware queue is had: a descriptor that the kernel made for it, with the doorbell page and the
// queue's memory mapped from it. The format of that memory is the driver's.
//
//     queue fd --mmap 0--> doorbell page   tail of the submissions, head of the completions
//              --mmap 1--> memory          submissions, completions; the last word says whether the queue lives
//              --poll----> there are completions, or the queue was stopped

import { fdWatcher } from '../../sys/fd-watcher.ts';
import type { Fd } from '../../sys/fd.ts';
import { mapShared, type Mapping, PAGE_BYTES } from '../../sys/memory.ts';
import { waitReadable } from '../../sys/socket.ts';
import {
  DOORBELL_CQ_HEAD_OFFSET,
  DOORBELL_SQ_TAIL_OFFSET,
  type QueueState,
  queueStates,
  REGION_DOORBELL,
  REGION_MEMORY,
} from './abi.ts';
import { stopQueue } from './stop.ts';

/** Where memory lies for the device. Handles are numbers of the opener's choice. */
export interface DeviceAddresses {
  /** The device's address of the beginning of a region; ADDRESS_PENDING or ADDRESS_NONE where there is none. */
  addressOf(handle: number): number;
}

/** The region will have an address soon. */
export const ADDRESS_PENDING = -1;
/** The region can't be reached by the device. */
export const ADDRESS_NONE = -2;

const TAIL_WORD = DOORBELL_SQ_TAIL_OFFSET / 4;
const HEAD_WORD = DOORBELL_CQ_HEAD_OFFSET / 4;

export class SpimdevTransport {
  readonly addresses: DeviceAddresses;
  /** The queue's memory, as 32-bit words. */
  readonly words: Int32Array;
  readonly #fd: Fd;
  readonly #memory: Mapping;
  readonly #doorbellPage: Mapping;
  readonly #doorbell: Int32Array;

  /** Takes the descriptor over. */
  constructor(fd: Fd, memoryBytes: number, addresses: DeviceAddresses) {
    this.#fd = fd;
    this.addresses = addresses;
    this.#doorbellPage = mapShared(fd, PAGE_BYTES, REGION_DOORBELL * PAGE_BYTES);
    try {
      this.#memory = mapShared(fd, memoryBytes, REGION_MEMORY * PAGE_BYTES);
    } catch (error) {
      this.#doorbellPage.unmap();
      throw error;
    }
    this.#doorbell = this.#doorbellPage.words();
    this.words = this.#memory.words();
  }

  /** The device may run all entries before `tail`. One 32-bit store, after the entries are written. */
  ringSubmissions(tail: number): void {
    Atomics.store(this.#doorbell, TAIL_WORD, tail);
  }

  /** All completions before `head` were taken. */
  ringCompletions(head: number): void {
    Atomics.store(this.#doorbell, HEAD_WORD, head);
  }

  get state(): QueueState {
    return queueStates[Atomics.load(this.words, this.words.length - 1)] ?? 'gone';
  }

  /** Blocks the thread until there are completions or the queue was stopped; false when the time was up before. */
  wait(timeoutMillis: number): boolean {
    return waitReadable(this.#fd.number, timeoutMillis);
  }

  /** Calls back once, when there are completions or the queue was stopped. */
  wakeOnce(onWake: () => void): void {
    fdWatcher.arm(this.#fd.number, onWake);
  }

  /** Stops the queue for everybody who holds it. */
  stop(): void {
    stopQueue(this.#fd);
  }

  /** Lets go. The kernel stops the queue when nobody holds it any more. Idempotent. */
  close(): void {
    if (!this.#fd.isOpen) return;
    fdWatcher.forget(this.#fd.number);
    this.#memory.unmap();
    this.#doorbellPage.unmap();
    this.#fd.close();
  }
}
