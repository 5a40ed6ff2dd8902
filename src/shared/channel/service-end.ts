// The serving side of a channel: takes submissions, posts completions.
//
// Used by the engine towards clients and by a soft worker towards the engine. Nothing in the shared memory is
// trusted: its own indices are private, each foreign one is bounded before use, and a slot number is checked
// before it becomes an address. Which slots are in flight is the caller's to know.
//
// Invariants: 0 <= tail - head <= slots for the entries that `available` reports; completions posted but not
// reaped never exceed `slots`, so no completion is ever overwritten.

import {
  C_COOKIE_HIGH,
  C_COOKIE_LOW,
  C_DEVICE_NANOS,
  C_PRODUCED,
  C_RESULT,
  C_SLOT,
  C_STATUS,
  type ChannelGeometry,
  COMPLETION_WORDS,
  PARAMETER_WORDS,
  REQUEST_WORDS,
  W_CLIENT_NEEDS_WAKEUP,
  W_CLOSED,
  W_COMPLETION_HEAD,
  W_COMPLETION_TAIL,
  W_ENGINE_NEEDS_WAKEUP,
  W_SUBMISSION_HEAD,
  W_SUBMISSION_TAIL,
} from './layout.ts';

// An imported binding is loaded from its module at each use; a constant of this module is compiled in, which the hot
// path notices.
const SLOT = C_SLOT;
const STATUS = C_STATUS;
const COOKIE_LOW = C_COOKIE_LOW;
const COOKIE_HIGH = C_COOKIE_HIGH;
const PRODUCED = C_PRODUCED;
const RESULT = C_RESULT;
const DEVICE_NANOS = C_DEVICE_NANOS;
const ENTRY_WORDS = COMPLETION_WORDS;
const SLOT_WORDS = REQUEST_WORDS;
const AREA_WORDS = PARAMETER_WORDS;

/** What `available` and `takeSlot` answer where the client wrote something impossible. */
export const CORRUPT = -1;

export class ServiceEnd {
  readonly words: Int32Array;
  readonly slots: number;
  readonly #mask: number;
  readonly #requestTableWord: number;
  readonly #parameterTableWord: number;
  readonly #submissionRingWord: number;
  readonly #completionRingWord: number;
  #submissionHead: number;
  #completionTail: number;
  /** The client's head as read last: it only moves forward, so an old value errs on the safe side. */
  #completionHeadSeen: number;

  /** `indices`: where an earlier service of the same channel was; a fresh channel begins at 0. */
  constructor(
    words: Int32Array,
    geometry: ChannelGeometry,
    indices = { submissionHead: 0, completionTail: 0 },
  ) {
    this.words = words;
    this.slots = geometry.slots;
    this.#mask = geometry.slots - 1;
    this.#requestTableWord = geometry.requestTableOffset / 4;
    this.#parameterTableWord = geometry.parameterTableOffset / 4;
    this.#submissionRingWord = geometry.submissionRingOffset / 4;
    this.#completionRingWord = geometry.completionRingOffset / 4;
    this.#submissionHead = indices.submissionHead | 0;
    this.#completionTail = indices.completionTail | 0;
    // The least that it can be: the first check reads it.
    this.#completionHeadSeen = (this.#completionTail - geometry.slots) | 0;
  }

  /** The index of the next submission to be taken. */
  get submissionHead(): number {
    return this.#submissionHead;
  }

  /** The index of the next completion. */
  get completionTail(): number {
    return this.#completionTail;
  }

  /** Submissions that were not taken yet, or CORRUPT. */
  available(): number {
    const count = (Atomics.load(this.words, W_SUBMISSION_TAIL) - this.#submissionHead) | 0;
    return count < 0 || count > this.slots ? CORRUPT : count;
  }

  /** Takes the next submission, one of those that `available` counted: its slot number, or CORRUPT. */
  takeSlot(): number {
    const slot = this.words[this.#submissionRingWord + (this.#submissionHead & this.#mask)] as number;
    this.#submissionHead = (this.#submissionHead + 1) | 0;
    return slot >>> 0 < this.slots ? slot : CORRUPT;
  }

  /**
   * Shows how far submissions are being taken: to be called before the first of the next `count` can run, since what
   * lies behind it is sure not to have run. A plain store: nobody waits for it, it is read when this process is dead.
   */
  announceTaking(count: number): void {
    this.words[W_SUBMISSION_HEAD] = this.#submissionHead + count;
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
   * Whether `wanted` more requests may be taken when `inFlight` are, so that each has room for its completion even
   * if the client never reaps one. A client that reuses a slot only after reaping its completion always leaves it.
   */
  hasCompletionRoom(inFlight: number, wanted: number): boolean {
    const room = this.slots - inFlight - wanted;
    if (((this.#completionTail - this.#completionHeadSeen) | 0) <= room) return true;
    const head = Atomics.load(this.words, W_COMPLETION_HEAD);
    const unreaped = (this.#completionTail - head) | 0;
    if (unreaped < 0 || unreaped > this.slots) return false;
    this.#completionHeadSeen = head;
    return unreaped <= room;
  }

  /** Completions that the client has not reaped, going by what it says; at most `slots`. */
  unreaped(): number {
    const count = (this.#completionTail - Atomics.load(this.words, W_COMPLETION_HEAD)) | 0;
    return Math.min(Math.max(count, 0), this.slots);
  }

  /** Posts a completion, for a request that `hasCompletionRoom` found room for. The client sees it after `publish`. */
  post(
    slot: number,
    status: number,
    cookieLow: number,
    cookieHigh: number,
    produced: number,
    result: number,
    deviceNanos: number,
  ): void {
    const { words } = this;
    const at = this.#completionRingWord + (this.#completionTail & this.#mask) * ENTRY_WORDS;
    words[at + SLOT] = slot;
    words[at + STATUS] = status;
    words[at + COOKIE_LOW] = cookieLow;
    words[at + COOKIE_HIGH] = cookieHigh;
    words[at + PRODUCED] = produced;
    words[at + RESULT] = result;
    words[at + DEVICE_NANOS] = deviceNanos;
    this.#completionTail = (this.#completionTail + 1) | 0;
  }

  /** Shows all posted completions to the client; true if it sleeps and the caller must ring, once. */
  publish(): boolean {
    this.show();
    return this.mustRing();
  }

  /** The first half of `publish`, for who rings later: a client that is awake sees them. */
  show(): void {
    Atomics.store(this.words, W_COMPLETION_TAIL, this.#completionTail);
  }

  /** The other half. */
  mustRing(): boolean {
    const { words } = this;
    // Sequentially consistent, as in ClientEnd.publish: the flag or the new tail is seen by the other side.
    return (
      Atomics.load(words, W_CLIENT_NEEDS_WAKEUP) !== 0 &&
      Atomics.exchange(words, W_CLIENT_NEEDS_WAKEUP, 0) !== 0
    );
  }

  /** Raises the flag that asks to be rung, then looks once more: true if there is nothing and one may sleep. */
  prepareSleep(): boolean {
    Atomics.store(this.words, W_ENGINE_NEEDS_WAKEUP, 1);
    const isIdle = Atomics.load(this.words, W_SUBMISSION_TAIL) === this.#submissionHead;
    if (!isIdle) this.cancelSleep();
    return isIdle;
  }

  /** Lowers the flag after waking by oneself. */
  cancelSleep(): void {
    Atomics.store(this.words, W_ENGINE_NEEDS_WAKEUP, 0);
  }

  /** Writes why the channel ends, where the client can read it. */
  close(reason: number): void {
    Atomics.store(this.words, W_CLOSED, reason);
  }
}
