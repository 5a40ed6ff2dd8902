// The submitting side of a channel: fills slots, submits them, reaps completions.
//
// Used by the SDK towards the engine, and by the engine's soft driver towards a worker. It owns the free slots and
// both client indices, and makes no system call: ringing and sleeping are its caller's business.
//
//   free slot --takeSlot--> being filled --push--> submitted --publish--> seen by the peer
//       ^                                                                      |
//       +------------------------- reap (completion) <-------------------------+
//
// Invariants: a slot is free, being filled, or submitted, never two of them. Not more than `slots` are submitted,
// so neither ring can overflow and the client never needs the peer's head index.

import { assert } from '../assert.ts';
import {
  type ChannelGeometry,
  COMPLETION_WORDS,
  PARAMETER_WORDS,
  REQUEST_WORDS,
  W_CLIENT_NEEDS_WAKEUP,
  W_CLOSED,
  W_COMPLETION_HEAD,
  W_COMPLETION_TAIL,
  W_ENGINE_NEEDS_WAKEUP,
  W_SUBMISSION_TAIL,
} from './layout.ts';

// An imported binding is loaded from its module at each use; a constant of this module is compiled in, which the hot
// path notices.
const ENTRY_WORDS = COMPLETION_WORDS;
const SLOT_WORDS = REQUEST_WORDS;
const AREA_WORDS = PARAMETER_WORDS;
const COMPLETION_TAIL = W_COMPLETION_TAIL;

export class ClientEnd {
  readonly words: Int32Array;
  readonly slots: number;
  readonly #mask: number;
  readonly #requestTableWord: number;
  readonly #parameterTableWord: number;
  readonly #submissionRingWord: number;
  readonly #completionRingWord: number;
  /**
   * A ring of free slot numbers. The one that was freed first is used next: slots then follow each other in memory,
   * which the processors' prefetching makes cheap.
   */
  readonly #freeSlots: Int32Array;
  readonly #isFree: Uint8Array;
  /** What the submission ring's entries are: nobody but this side writes them. */
  readonly #entries: Int32Array;
  #freeHead = 0;
  #freeCount: number;
  #submissionTail: number;
  #completionHead: number;

  /** `words` covers a formatted channel on which nothing was submitted yet, or whose indices are given. */
  constructor(words: Int32Array, geometry: ChannelGeometry) {
    this.words = words;
    this.slots = geometry.slots;
    this.#mask = geometry.slots - 1;
    this.#requestTableWord = geometry.requestTableOffset / 4;
    this.#parameterTableWord = geometry.parameterTableOffset / 4;
    this.#submissionRingWord = geometry.submissionRingOffset / 4;
    this.#completionRingWord = geometry.completionRingOffset / 4;
    this.#freeSlots = Int32Array.from({ length: geometry.slots }, (_, index) => index);
    this.#isFree = new Uint8Array(geometry.slots).fill(1);
    this.#entries = words.slice(this.#submissionRingWord, this.#submissionRingWord + geometry.slots);
    this.#freeCount = geometry.slots;
    this.#submissionTail = Atomics.load(words, W_SUBMISSION_TAIL);
    this.#completionHead = Atomics.load(words, W_COMPLETION_HEAD);
  }

  /** How many slots could be taken now. */
  get freeSlots(): number {
    return this.#freeCount;
  }

  /** Why the peer ended the channel: an error number, 0 while it is open. */
  get closedReason(): number {
    return Atomics.load(this.words, W_CLOSED);
  }

  /** Whether the slot was taken, and its completion not reaped. */
  isTaken(slot: number): boolean {
    return this.#isFree[slot] === 0;
  }

  /** Takes a free slot to fill it; -1 if there is none. Follow with `push` or `giveBack`. */
  takeSlot(): number {
    if (this.#freeCount === 0) return -1;
    const slot = this.#freeSlots[this.#freeHead & this.#mask] as number;
    this.#freeHead = (this.#freeHead + 1) | 0;
    this.#freeCount -= 1;
    this.#isFree[slot] = 0;
    return slot;
  }

  giveBack(slot: number): void {
    assert(this.#isFree[slot] === 0, 'the slot was taken');
    this.#free(slot);
  }

  /** The index in `words` where the slot's request begins. */
  slotWord(slot: number): number {
    return this.#requestTableWord + slot * SLOT_WORDS;
  }

  /** The index in `words` where the slot's parameters begin. */
  parameterWord(slot: number): number {
    return this.#parameterTableWord + slot * AREA_WORDS;
  }

  /**
   * Queues a filled slot. The peer sees it after `publish`. While requests complete in order the entry is what it was one turn
   * of the ring ago: left alone, its line stays where the peer has it.
   */
  push(slot: number): void {
    const entry = this.#submissionTail & this.#mask;
    if (this.#entries[entry] !== slot) {
      this.#entries[entry] = slot;
      this.words[this.#submissionRingWord + entry] = slot;
    }
    this.#submissionTail = (this.#submissionTail + 1) | 0;
  }

  /** Shows all pushed slots to the peer; true if it sleeps and the caller must ring, once. */
  publish(): boolean {
    const { words } = this;
    Atomics.store(words, W_SUBMISSION_TAIL, this.#submissionTail);
    // The store above is sequentially consistent, so it is visible before this load: either we see the flag that
    // the sleeper raised, or the sleeper sees the new tail when it looks once more.
    return (
      Atomics.load(words, W_ENGINE_NEEDS_WAKEUP) !== 0 &&
      Atomics.exchange(words, W_ENGINE_NEEDS_WAKEUP, 0) !== 0
    );
  }

  /** The slots that were submitted at or after an index of the submission ring: what a peer with that head never took. */
  slotsAfter(head: number): ReadonlySet<number> {
    const slots = new Set<number>();
    const count = (this.#submissionTail - head) | 0;
    if (count < 0 || count > this.slots) return slots;
    for (let back = 1; back <= count; back++)
      slots.add(this.#entries[(this.#submissionTail - back) & this.#mask] as number);
    return slots;
  }

  /** Completions that were not reaped yet. */
  completions(): number {
    return (Atomics.load(this.words, COMPLETION_TAIL) - this.#completionHead) | 0;
  }

  /** The index in `words` of the oldest completion that wasn't reaped; -1 if there is none. */
  peek(): number {
    return this.completions() === 0 ? -1 : this.oldest();
  }

  /** The same where there is one. */
  oldest(): number {
    return this.#completionRingWord + (this.#completionHead & this.#mask) * ENTRY_WORDS;
  }

  /**
   * Takes the oldest completion, which names `slot`: that is free again. False if it was not submitted, which the daemon
   * never does. The peer sees the new head after `publishReaped`.
   */
  reap(slot: number): boolean {
    this.#completionHead = (this.#completionHead + 1) | 0;
    if (this.#isFree[slot] !== 0) return false;
    this.#free(slot);
    return true;
  }

  #free(slot: number): void {
    this.#isFree[slot] = 1;
    this.#freeSlots[(this.#freeHead + this.#freeCount) & this.#mask] = slot;
    this.#freeCount += 1;
  }

  /** Shows the peer what was reaped. A plain store: the next store of the tail, which needs it, comes after it. */
  publishReaped(): void {
    this.words[W_COMPLETION_HEAD] = this.#completionHead;
  }

  /** Raises the flag that asks to be rung, then looks once more: true if there is nothing and one may sleep. */
  prepareSleep(): boolean {
    Atomics.store(this.words, W_CLIENT_NEEDS_WAKEUP, 1);
    const isIdle =
      Atomics.load(this.words, COMPLETION_TAIL) === this.#completionHead && this.closedReason === 0;
    if (!isIdle) this.cancelSleep();
    return isIdle;
  }

  /** Lowers the flag after waking by oneself. A ring may be on its way all the same; it does no harm. */
  cancelSleep(): void {
    Atomics.store(this.words, W_CLIENT_NEEDS_WAKEUP, 0);
  }
}
