// A hardware queue whose requests are copied: their input before they are sent, their output after they have completed,
// through a slot of the pool each. The driver of its format knows nothing of that: to it, parts of slots are regions.
//
// The copies are made by whoever sends and receives. Each is as long as a request of the driver may be, at most.

import {
  C_PRODUCED,
  C_SLOT,
  C_STATUS,
  R_DESTINATION_BYTES,
  R_DESTINATION_REGION,
  R_SOURCE_BYTES,
  R_SOURCE_REGION,
} from '../../shared/channel/layout.ts';
import { errorNumber } from '../../shared/errors.ts';
import { completeAtOnce, ROW_WORDS, SEND_DONE, SEND_FULL, SEND_PENDING, SEND_TAKEN } from '../driver.ts';
import type { BouncePool } from './bounce-pool.ts';
import type { SpimdevQueue } from './driver.ts';
import { ADDRESS_PENDING } from './transport.ts';

const DMA_FAULT = errorNumber('DMA_FAULT');
const TOO_LARGE = errorNumber('TOO_LARGE');

/** Tenants' regions, as this process sees them. */
export interface CopiedMemory {
  /** undefined for one that can't be reached, or not yet: then `addressOf` is negative and says which. */
  bufferOf(handle: number): Buffer | undefined;
  addressOf(handle: number): number;
}

/** Where the output of a slot's request goes: words of its row. */
const D_REGION = 0;
const D_OFFSET = 1;
const D_BYTES = 2;
const D_WORDS = 3;

export class BounceQueue implements SpimdevQueue {
  readonly depth: number;
  readonly #queue: SpimdevQueue;
  readonly #pool: BouncePool;
  readonly #memory: CopiedMemory;
  /** Numbers of free slots; the first `#freeCount` count. */
  readonly #free: Int32Array;
  #freeCount: number;
  /** By slot: the caller's tag; where the output goes. */
  readonly #tags: Int32Array;
  readonly #destinations: Int32Array;
  readonly #row = new Int32Array(ROW_WORDS);

  constructor(queue: SpimdevQueue, pool: BouncePool, memory: CopiedMemory) {
    this.depth = Math.min(queue.depth, pool.slots);
    this.#queue = queue;
    this.#pool = pool;
    this.#memory = memory;
    this.#free = Int32Array.from({ length: this.depth }, (_, slot) => slot);
    this.#freeCount = this.depth;
    this.#tags = new Int32Array(this.depth);
    this.#destinations = new Int32Array(this.depth * D_WORDS);
  }

  send(rows: Int32Array, base: number, tag: number, completion: Int32Array): number {
    if (this.#freeCount === 0) return SEND_FULL;
    const slot = this.#free[this.#freeCount - 1] as number;
    const row = this.#row;
    for (let index = 0; index < ROW_WORDS; index++) row[index] = rows[base + index] as number;
    const refused = this.#fill(slot, row, completion);
    if (refused !== SEND_TAKEN) return refused;
    const answer = this.#queue.send(row, 0, slot, completion);
    if (answer === SEND_TAKEN) {
      this.#freeCount -= 1;
      this.#tags[slot] = tag;
    } else if (answer === SEND_DONE) {
      this.#empty(slot, completion);
    }
    return answer;
  }

  recv(completion: Int32Array): boolean {
    if (!this.#queue.recv(completion)) return false;
    const slot = completion[C_SLOT] as number;
    this.#empty(slot, completion);
    completion[C_SLOT] = this.#tags[slot] as number;
    this.#free[this.#freeCount] = slot;
    this.#freeCount += 1;
    return true;
  }

  close(): void {
    this.#queue.close();
  }

  runningTag(): number {
    const slot = this.#queue.runningTag();
    return slot === -1 ? -1 : (this.#tags[slot] as number);
  }

  hasCompletion(): boolean {
    return this.#queue.hasCompletion();
  }

  /** Copies the input in, and has the row name the slot's parts. What isn't SEND_TAKEN is the answer. */
  #fill(slot: number, row: Int32Array, completion: Int32Array): number {
    const pool = this.#pool;
    const bytes = (row[R_SOURCE_BYTES] as number) >>> 0;
    const room = (row[R_DESTINATION_BYTES] as number) >>> 0;
    if (bytes > pool.partBytes) return completeAtOnce(completion, TOO_LARGE);
    const source = bytes === 0 ? undefined : this.#memory.bufferOf(row[R_SOURCE_REGION] as number);
    if (bytes > 0 && source === undefined) return this.#refuse(row[R_SOURCE_REGION] as number, completion);
    const output = row[R_DESTINATION_REGION] as number;
    if (room > 0 && this.#memory.bufferOf(output) === undefined) return this.#refuse(output, completion);
    const input = pool.inputOf(slot);
    const from = (row[R_SOURCE_REGION + 1] as number) >>> 0;
    source?.copy(pool.buffer, pool.offsetOf(input), from, from + bytes);
    const at = slot * D_WORDS;
    for (let word = 0; word < D_WORDS; word++) {
      this.#destinations[at + word] = row[R_DESTINATION_REGION + word] as number;
    }
    row[R_SOURCE_REGION] = input;
    row[R_SOURCE_REGION + 1] = 0;
    row[R_DESTINATION_REGION] = pool.outputOf(slot);
    row[R_DESTINATION_REGION + 1] = 0;
    row[R_DESTINATION_BYTES] = Math.min(room, pool.partBytes);
    return SEND_TAKEN;
  }

  #refuse(handle: number, completion: Int32Array): number {
    const isPending = this.#memory.addressOf(handle) === ADDRESS_PENDING;
    return isPending ? SEND_PENDING : completeAtOnce(completion, DMA_FAULT);
  }

  /** Copies the output to where it belongs. A slot holds what others had in it before: no byte more than was produced. */
  #empty(slot: number, completion: Int32Array): void {
    if (completion[C_STATUS] !== 0) completion[C_PRODUCED] = 0;
    const at = slot * D_WORDS;
    const room = (this.#destinations[at + D_BYTES] as number) >>> 0;
    const bytes = Math.min((completion[C_PRODUCED] as number) >>> 0, room, this.#pool.partBytes);
    if (bytes === 0) return;
    const begin = this.#pool.offsetOf(this.#pool.outputOf(slot));
    const target = this.#memory.bufferOf(this.#destinations[at + D_REGION] as number);
    const offset = (this.#destinations[at + D_OFFSET] as number) >>> 0;
    if (target !== undefined) this.#pool.buffer.copy(target, offset, begin, begin + bytes);
  }
}
