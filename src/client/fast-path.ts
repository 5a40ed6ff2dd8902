// One channel as the SDK uses it: which queue owns which slot, sending, reaping, waiting, and what happens to what
// is in flight when the channel ends.
//
// Waiting comes in two forms. A program that blocks spins shortly, then sleeps in poll(2) on the doorbell. A program
// of promises looks a few times between turns of the event loop, then lets the loop watch the doorbell.

import {
  C_COOKIE_LOW,
  C_DEVICE_NANOS,
  C_PRODUCED,
  C_RESULT,
  C_SLOT,
  C_STATUS,
  R_COOKIE_LOW,
  RAN_NO,
  readGeometry,
  W_SUBMISSION_HEAD,
} from '../shared/channel/layout.ts';
import { assert } from '../shared/assert.ts';
import { ClientEnd } from '../shared/channel/client-end.ts';
import { errorCode, errorNumber, WarpError } from '../shared/errors.ts';
import { PARAMETER_TAG_BYTES, PARAMETER_TAG_OFFSET } from '../shared/operations.ts';
import { Doorbell } from '../sys/doorbell.ts';
import type { Fd } from '../sys/fd.ts';
import { checkSealed, type Mapping, mapShared } from '../sys/memory.ts';
import type { Promised, Queue } from './queue.ts';
import { type Completion, type Request, writeRequest } from './request.ts';
import type { OnEnded, RequestPath } from './request-path.ts';

// An imported binding is loaded from its module at each use; a constant of this module is compiled in, which the hot
// path notices.
const SLOT = C_SLOT;
const STATUS = C_STATUS;
const PRODUCED = C_PRODUCED;
const RESULT = C_RESULT;
const DEVICE_NANOS = C_DEVICE_NANOS;
const COOKIE_LOW = C_COOKIE_LOW;

const CANCELLED = errorNumber('CANCELLED');
const INTERRUPTED = errorNumber('INTERRUPTED');
/** Looks at the completion ring before a blocking wait goes to sleep: some tens of microseconds. */
const SPIN_POLLS = 2_000;
/** Requests that may wait to be shown to the engine together. */
const PUBLISH_MAX = 64;
/** A wait that took longer would not have been saved by spinning, milliseconds. */
const SHORT_WAIT_MILLIS = 0.1;
/** Turns of the event loop without a completion before the loop is left to watch the doorbell, at most. */
const IDLE_TURNS_MAX = 20;

export class FastPath implements RequestPath {
  readonly #mapping: Mapping;
  readonly #end: ClientEnd;
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  readonly #doorbell: Doorbell;
  readonly #onEnded: OnEnded;
  /** The queue of each slot: of its request in flight, or of the one before. */
  readonly #owners: (Queue | undefined)[];
  /** Whether the operation in a slot returns a tag in its parameter area. */
  readonly #hasTag: Uint8Array;
  /** The promise of the request in each slot, where it has one. */
  readonly #promised: (Promised | undefined)[];
  #inFlight = 0;
  /** Sent but not shown to the engine yet; below PUBLISH_MAX. */
  #unpublished = 0;
  #isFlushScheduled = false;
  /** Queues that want to hear of completions without asking: those with promises. */
  readonly #listeners = new Set<Queue>();
  #isTurnScheduled = false;
  #idleTurns = 0;
  /** As many as lately would have saved the watching. */
  #idleTurnsMax = IDLE_TURNS_MAX;
  #watchedFromMillis = 0;
  #spinPolls = SPIN_POLLS;
  #isEnded = false;

  /** Takes over what a token was redeemed for. Throws PROTOCOL_MISMATCH for memory that is not a channel. */
  constructor(memory: Fd, doorbell: Fd, bytes: number, onEnded: OnEnded) {
    try {
      checkSealed(memory);
      this.#mapping = mapShared(memory, bytes);
    } catch (error) {
      doorbell.close();
      throw error;
    } finally {
      memory.close();
    }
    this.#words = this.#mapping.words();
    this.#bytes = this.#mapping.buffer;
    const geometry = readGeometry(this.#words);
    if (typeof geometry === 'string') {
      doorbell.close();
      this.#mapping.unmap();
      throw new WarpError('PROTOCOL_MISMATCH', { operation: 'open the channel', found: geometry });
    }
    this.#end = new ClientEnd(this.#words, geometry);
    this.#owners = Array.from({ length: geometry.slots });
    this.#hasTag = new Uint8Array(geometry.slots);
    this.#promised = Array.from({ length: geometry.slots });
    this.#onEnded = onEnded;
    this.#doorbell = new Doorbell(doorbell, {
      onRing: () => this.#wake(),
      onHangUp: () => this.#finish(),
    });
    this.#doorbell.keepAlive(false);
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Sends one request; false if no slot is free or the channel has ended. */
  send(queue: Queue, request: Request, promised: Promised | undefined): boolean {
    if (this.#isEnded) return false;
    const slot = this.#end.takeSlot();
    if (slot === -1) return false;
    try {
      const operation = writeRequest(
        this.#words,
        this.#bytes,
        this.#end.slotWord(slot),
        this.#end.parameterWord(slot),
        queue.number,
        request,
      );
      const hasTag = operation.resultBytes > 0 ? 1 : 0;
      if (this.#hasTag[slot] !== hasTag) this.#hasTag[slot] = hasTag;
    } catch (error) {
      this.#end.giveBack(slot);
      throw error;
    }
    // Mostly they are what they were; a load is cheaper than a store, of which many wait here for other processors' lines.
    if (this.#owners[slot] !== queue) this.#owners[slot] = queue;
    if (promised !== undefined) this.#promised[slot] = promised;
    this.#inFlight += 1;
    this.#end.push(slot);
    this.#unpublished += 1;
    if (this.#inFlight === this.#unpublished || this.#unpublished >= PUBLISH_MAX) this.flush();
    else this.#flushLater();
    return true;
  }

  /**
   * Shows the engine what was sent. Each showing costs a cache miss or two on both sides, so requests that follow
   * others are shown together: after a few, at the next look for completions, or when the event loop has its turn.
   */
  flush(): void {
    if (this.#unpublished === 0) return;
    this.#unpublished = 0;
    if (this.#end.publish()) this.#doorbell.ring();
  }

  #flushLater(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    setImmediate(() => {
      this.#isFlushScheduled = false;
      if (!this.#isEnded) this.flush();
    });
  }

  /**
   * Reaps completions until `wanted` of `queue` were put into `into`, or there are no more; those of promises and of
   * other queues go to them. Returns how many it put.
   */
  reap(queue: Queue | undefined, into: Completion[], at: number, wanted: number): number {
    this.flush();
    const end = this.#end;
    const words = this.#words;
    const owners = this.#owners;
    const available = end.completions();
    let count = 0;
    let reaped = 0;
    while (reaped < available && count < wanted) {
      const word = end.oldest();
      const slot = words[word + SLOT] as number;
      const owner = owners[slot];
      assert(owner !== undefined, 'the daemon completes what was submitted');
      const promised = this.#promised[slot];
      const isOwn = owner === queue && promised === undefined;
      const completion = isOwn ? (into[at + count] as Completion) : owner.nextCompletion(promised);
      this.#read(word, slot, completion);
      assert(end.reap(slot), 'a slot completes once');
      if (promised !== undefined) this.#promised[slot] = undefined;
      reaped += 1;
      if (isOwn) count += 1;
      else owner.accept(completion, promised);
    }
    this.#inFlight -= reaped;
    if (reaped > 0) end.publishReaped();
    // A promise may have been settled, and so left room for what waits.
    if (reaped > count) this.#schedule();
    return count;
  }

  #read(word: number, slot: number, completion: Completion): void {
    const words = this.#words;
    const status = words[word + STATUS] as number;
    completion.status = status;
    completion.code = 'OK';
    completion.ran = 'yes';
    completion.produced = words[word + PRODUCED] as number;
    completion.result = (words[word + RESULT] as number) >>> 0;
    completion.deviceNanos = (words[word + DEVICE_NANOS] as number) >>> 0;
    completion.cookie = (words[word + COOKIE_LOW] as number) >>> 0;
    if (status !== 0) tellFailure(completion);
    completion.tag = undefined;
    if (this.#hasTag[slot] === 0) return;
    const tagAt = this.#end.parameterWord(slot) * 4 + PARAMETER_TAG_OFFSET;
    completion.tag = Buffer.from(this.#bytes.subarray(tagAt, tagAt + PARAMETER_TAG_BYTES));
  }

  checkBlocking(): void {}

  /** Blocks until there is a completion of whichever queue, or the channel has ended; false when the time was up. */
  wait(timeoutMillis: number): boolean {
    const startMillis = performance.now();
    this.flush();
    for (let poll = 0; poll < this.#spinPolls; poll++) if (this.#end.peek() !== -1) return true;
    while (!this.#isEnded && this.#end.peek() === -1) {
      const leftMillis = timeoutMillis - (performance.now() - startMillis);
      if (leftMillis <= 0) return false;
      if (!this.#end.prepareSleep()) {
        if (this.#end.closedReason !== 0) this.#finish();
        continue;
      }
      const heard = this.#doorbell.wait(leftMillis);
      if (heard === 'timeout') this.#end.cancelSleep();
      if (heard === 'gone') this.#finish();
    }
    const isShort = performance.now() - startMillis < SHORT_WAIT_MILLIS;
    this.#spinPolls = isShort ? SPIN_POLLS : Math.max(1, this.#spinPolls >> 2);
    return true;
  }

  /** The queue has promises to settle, or requests that wait for room: completions are looked for until `ignore`. */
  listen(queue: Queue): void {
    this.#listeners.add(queue);
    this.#schedule();
  }

  ignore(queue: Queue): void {
    this.#listeners.delete(queue);
  }

  /** The event loop has heard the doorbell. */
  #wake(): void {
    const isShort = performance.now() - this.#watchedFromMillis < SHORT_WAIT_MILLIS;
    this.#idleTurnsMax = isShort ? IDLE_TURNS_MAX : Math.max(1, this.#idleTurnsMax >> 2);
    this.#schedule();
  }

  #schedule(): void {
    this.#idleTurns = 0;
    if (this.#listeners.size > 0) this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#isTurnScheduled) return;
    this.#isTurnScheduled = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#isTurnScheduled = false;
    if (this.#isEnded) return;
    const before = this.#inFlight;
    this.reap(undefined, [], 0, 1);
    this.#idleTurns = this.#inFlight === before ? this.#idleTurns + 1 : 0;
    for (const queue of this.#listeners) queue.afterTurn();
    if (this.#listeners.size === 0) {
      this.#doorbell.keepAlive(false);
      return;
    }
    if (this.#idleTurns >= this.#idleTurnsMax && this.#end.prepareSleep()) {
      this.#watchedFromMillis = performance.now();
      this.#doorbell.keepAlive(true);
      return;
    }
    if (this.#end.closedReason !== 0 && this.#end.peek() === -1) {
      this.#finish();
      return;
    }
    this.#scheduleTurn();
  };

  /**
   * The channel has ended: takes the completions that still came, gives everything else a code, and tells why. What
   * the engine had not taken from the ring has certainly not run.
   */
  #finish(): void {
    if (this.#isEnded) return;
    const reason = this.#end.closedReason;
    this.reap(undefined, [], 0, 1);
    this.#isEnded = true;
    const notTaken = this.#end.slotsAfter(Atomics.load(this.#words, W_SUBMISSION_HEAD));
    for (const [slot, owner] of this.#owners.entries()) {
      if (owner === undefined || !this.#end.isTaken(slot)) continue;
      const promised = this.#promised[slot];
      const completion = owner.nextCompletion(promised);
      completion.status = INTERRUPTED;
      completion.code = 'INTERRUPTED';
      completion.produced = 0;
      completion.result = 0;
      completion.deviceNanos = 0;
      completion.cookie = (this.#words[this.#end.slotWord(slot) + R_COOKIE_LOW] as number) >>> 0;
      completion.ran = notTaken.has(slot) ? 'no' : 'maybe';
      completion.tag = undefined;
      owner.accept(completion, promised);
    }
    this.#owners.fill(undefined);
    this.#promised.fill(undefined);
    this.#inFlight = 0;
    this.#doorbell.close();
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    this.#mapping.unmap();
    this.#onEnded(reason === 0 ? 'ENGINE_LOST' : errorCode(reason));
    for (const queue of listeners) queue.afterTurn();
  }

  /** Looks whether the channel has ended, without waiting for the doorbell to say so. */
  checkEnded(): void {
    if (!this.#isEnded && this.#end.closedReason !== 0) this.#finish();
  }

  /** Hangs up: the daemon frees everything. What is in flight completes as INTERRUPTED. */
  close(): void {
    this.#finish();
  }
}

/** What a status other than 0 says. */
function tellFailure(completion: Completion): void {
  const { status, result } = completion;
  completion.code = errorCode(status);
  if (status === CANCELLED || (status === INTERRUPTED && result === RAN_NO)) completion.ran = 'no';
  else if (status === INTERRUPTED) completion.ran = 'maybe';
}
