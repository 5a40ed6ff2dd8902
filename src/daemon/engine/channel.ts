// The engine's side of one client's channel: takes submissions, copies and checks them, hands them to their
// queues, and posts completions.
//
// Everything that decides is private to the engine: the copy of each request (a row), which slots are in flight,
// the tables of queues, regions and sessions. The shared memory is read once per request and never again. Rows and
// the journal of slots lie in the ledger, so that another engine can go on where this one dies (recovery.ts).
//
//   submission ring -> slot --copy--> row --check--> queue -> scheduler -> device -> complete -> completion ring
//                                      \--bad------> completion with a code
//
// Invariants: a slot's request is in flight from `take` until `complete`, exactly once; each one taken gets one
// completion, unless the channel has ended.

import {
  C_DEVICE_NANOS,
  C_PRODUCED,
  C_RESULT,
  C_STATUS,
  COMPLETION_WORDS,
  FLAG_CANCEL,
  type ChannelGeometry,
  R_AUXILIARY_REGION,
  R_COOKIE_HIGH,
  R_COOKIE_LOW,
  R_DESTINATION_BYTES,
  R_DESTINATION_REGION,
  R_FLAGS,
  R_OPERATION,
  R_QUEUE,
  R_RESERVED,
  R_SESSION,
  R_SOURCE_BYTES,
  R_SOURCE_REGION,
} from '../../shared/channel/layout.ts';
import { CORRUPT, ServiceEnd } from '../../shared/channel/service-end.ts';
import { ROW_PARAMETERS, ROW_WORDS } from '../../hwdrivers/driver.ts';
import { errorNumber } from '../../shared/errors.ts';
import {
  CHANNEL_QUEUES_MAX,
  CHANNEL_REGIONS_MAX,
  CHANNEL_SESSIONS_MAX,
  MALFORMED_ENTRIES_MAX,
} from '../../shared/limits.ts';
import { algorithmIndex, OPERATION_NUMBERS, operationsByNumber } from '../../shared/operations.ts';
import {
  FREE,
  INDEX_SHIFT,
  isInFlight,
  L_COMPLETION_TAIL,
  POSTED as LEDGER_POSTED,
  QUEUED as LEDGER_QUEUED,
  RERUN,
} from './ledger-layout.ts';
import type { LedgerRecord } from './ledger-record.ts';
import type { Queue } from './queue.ts';
import type { Tenant } from './tenant.ts';

/** Requests taken from one channel before others have their turn. */
const TAKE_MAX = 128;
/** Of a channel with more queues than this it is not asked whether all their devices have enough to do. */
const WAITING_QUEUES_MAX = 16;

const BAD_REQUEST = errorNumber('BAD_REQUEST');
const UNKNOWN_OPERATION = errorNumber('UNKNOWN_OPERATION');
const UNKNOWN_QUEUE = errorNumber('UNKNOWN_QUEUE');
const UNKNOWN_SESSION = errorNumber('UNKNOWN_SESSION');
const UNKNOWN_REGION = errorNumber('UNKNOWN_REGION');
const OUT_OF_RANGE = errorNumber('OUT_OF_RANGE');
const SLOT_BUSY = errorNumber('SLOT_BUSY');
const OPERATION_NOT_ALLOWED = errorNumber('OPERATION_NOT_ALLOWED');
const TOO_LARGE = errorNumber('TOO_LARGE');
const QUEUE_FULL = errorNumber('QUEUE_FULL');
const CANCELLED = errorNumber('CANCELLED');
const CORRUPT_RING = errorNumber('CORRUPT_RING');
const MALFORMED_ENTRIES = errorNumber('MALFORMED_ENTRIES');

// The operation table as flat arrays by operation number, for the check of each request.
const USES_SOURCE = 1;
const USES_DESTINATION = 2;
const USES_AUXILIARY = 4;
const USES_SESSION = 8;
const USES_PARAMETERS = 16;
/** In `operationAlgorithm`: no operation has the number. */
const NO_ALGORITHM = 0xff;
const operationUses = new Uint8Array(OPERATION_NUMBERS);
const operationAlgorithm = new Uint8Array(OPERATION_NUMBERS).fill(NO_ALGORITHM);
const operationParameterWords = new Uint8Array(OPERATION_NUMBERS);
const operationResultWords = new Uint8Array(OPERATION_NUMBERS);
for (const operation of operationsByNumber) {
  if (operation === undefined) continue;
  const { ranges, session, number } = operation;
  operationUses[number] =
    (ranges.source ? USES_SOURCE : 0) |
    (ranges.destination ? USES_DESTINATION : 0) |
    (ranges.auxiliary === 'no' ? 0 : USES_AUXILIARY) |
    (session === 'none' ? 0 : USES_SESSION) |
    (operation.parameterBytes === 0 ? 0 : USES_PARAMETERS);
  operationAlgorithm[number] = algorithmIndex(operation.algorithm);
  operationParameterWords[number] = operation.parameterBytes / 4;
  operationResultWords[number] = operation.resultBytes / 4;
}

// The hot path names these for each request. An imported binding is loaded from its module each time it is used; a
// constant of this module is compiled in.
const OPERATION = R_OPERATION;
const QUEUE = R_QUEUE;
const SESSION = R_SESSION;
const FLAGS = R_FLAGS;
const COOKIE_LOW = R_COOKIE_LOW;
const COOKIE_HIGH = R_COOKIE_HIGH;
const SOURCE_REGION = R_SOURCE_REGION;
const SOURCE_BYTES = R_SOURCE_BYTES;
const DESTINATION_BYTES = R_DESTINATION_BYTES;
const RESERVED = R_RESERVED;
const WORDS = ROW_WORDS;
const OPERATIONS = OPERATION_NUMBERS;
const QUEUES_MAX = CHANNEL_QUEUES_MAX;
const STATUS = C_STATUS;
const PRODUCED = C_PRODUCED;
const RESULT = C_RESULT;
const NANOS = C_DEVICE_NANOS;
const QUEUED = LEDGER_QUEUED;
const POSTED = LEDGER_POSTED;
const SHIFT = INDEX_SHIFT;
const LEDGERED_TAIL = L_COMPLETION_TAIL;
/** What `#takeOne` answers for a request that is in its queue now; else the status that it is completed with. */
const ACCEPTED = -1;
/** The journal's bit between QUEUED and STARTED. */
const STARTED_BIT = 1;

/** What `take` found; a number above 0 is how many requests it took. */
export const TAKE_NOTHING = 0;
/** The client broke the protocol: the reason is in `violation`. */
export const TAKE_VIOLATION = -1;
/** The tenant may send no more at the moment. */
export const TAKE_LIMITED = -2;

export class Channel {
  readonly id: number;
  readonly tenant: Tenant;
  readonly end: ServiceEnd;
  /** Private copies of the requests in flight, ROW_WORDS words for each slot. */
  rows: Int32Array;
  /** What has become of the request of each slot: words of the ledger's journal. */
  journal: Int32Array;
  /** Links of the queues' lists of waiting slots. */
  readonly nextSlot: Int32Array;
  readonly queues: (Queue | undefined)[] = [];
  /** Handles and sizes of regions, handles and algorithms of sessions, by number; 0: there is none. */
  readonly regionHandles = new Int32Array(CHANNEL_REGIONS_MAX + 1);
  readonly regionBytes = new Int32Array(CHANNEL_REGIONS_MAX + 1);
  readonly sessionHandles = new Int32Array(CHANNEL_SESSIONS_MAX + 1);
  readonly sessionAlgorithms = new Uint8Array(CHANNEL_SESSIONS_MAX + 1);
  inFlight = 0;
  /** The engine polls it. */
  isAwake = false;
  /** It is in the engine's list of channels with unpublished completions. */
  isPosted = false;
  /**
   * For each slot: when its request came into its queue, and, from when a device has it, how long it waited there; by
   * the engine's clock, milliseconds. 0 if it went to a device at once.
   */
  readonly waitMillis: Float64Array;
  /** Nothing more is taken from it. */
  isClosing = false;
  isEnded = false;
  /** When its last submission was found, by the engine's clock. */
  lastWorkMillis = 0;
  /** The error number for the header, once `take` found a violation. */
  violation = 0;
  readonly #onPosted: (channel: Channel) => void;
  /** The head of the ledger's record, where the completion tail is noted. */
  #head: Int32Array;
  /** Whether the row of a slot has a session and ranges, of this request or an earlier one. */
  readonly #hasRanges: Uint8Array;
  #malformedInRow = 0;

  /**
   * A fresh channel, or one that another engine has left, going by its record. `onPosted`: there are completions that
   * were not published, where there were none before.
   */
  constructor(
    id: number,
    tenant: Tenant,
    words: Int32Array,
    geometry: ChannelGeometry,
    record: LedgerRecord,
    onPosted: (channel: Channel) => void,
  ) {
    this.id = id;
    this.tenant = tenant;
    this.rows = record.rows;
    this.journal = record.journal;
    this.#head = record.head;
    this.end = new ServiceEnd(words, geometry, this.#restoreIndices());
    this.nextSlot = new Int32Array(geometry.slots);
    this.waitMillis = new Float64Array(geometry.slots);
    this.#hasRanges = new Uint8Array(geometry.slots).fill(this.inFlight > 0 ? 1 : 0);
    this.#onPosted = onPosted;
  }

  /**
   * Where the engine before stood. The completion that it wrote last may lack its count in the tail. The head follows:
   * each request that was taken has its completion or is in flight.
   */
  #restoreIndices(): { readonly submissionHead: number; readonly completionTail: number } {
    const { journal } = this;
    let tail = this.#head[LEDGERED_TAIL] as number;
    const lastPosted = POSTED | (tail << SHIFT);
    for (let slot = 0; slot < journal.length; slot++) {
      const word = journal[slot] as number;
      if (isInFlight(word)) this.inFlight += 1;
      else if (word === lastPosted) tail = (tail + 1) | 0;
    }
    this.#head[LEDGERED_TAIL] = tail;
    this.tenant.inFlight += this.inFlight;
    return { submissionHead: tail + this.inFlight, completionTail: tail };
  }

  /** The channel has ended, and its record is no longer its own: devices may still hold requests of it. */
  detach(): void {
    this.rows = this.rows.slice();
    this.journal = this.journal.slice();
    this.#head = this.#head.slice(0, LEDGERED_TAIL + 1);
  }

  /**
   * Whether what its client submits could not begin before a device wakes the engine anyway: then nobody need ring for it.
   */
  get canWait(): boolean {
    if (this.inFlight === 0 || this.queues.length > WAITING_QUEUES_MAX) return false;
    for (const queue of this.queues) if (queue !== undefined && !queue.device.isFed) return false;
    return true;
  }

  /** Takes what was submitted, up to a bound. */
  take(nowMillis: number): number {
    const { end, tenant } = this;
    const available = end.available();
    if (available === 0) return TAKE_NOTHING;
    if (available === CORRUPT || !end.hasCompletionRoom(this.inFlight, available)) {
      return this.#violate(CORRUPT_RING);
    }
    const room = tenant.room(nowMillis);
    if (room <= 0) return TAKE_LIMITED;
    const count = Math.min(available, room, TAKE_MAX);
    // Counted beforehand: a device may complete a request while it is submitted.
    this.inFlight += count;
    tenant.inFlight += count;
    end.announceTaking(count);
    let accepted = 0;
    let taken = 0;
    for (; taken < count; taken++) {
      // A request may be larger than what is left of the rate; the next one has to wait then.
      if (tenant.hasRates && tenant.isOverdrawn(nowMillis)) break;
      const slot = end.takeSlot();
      if (slot === CORRUPT) {
        this.inFlight -= count - accepted;
        tenant.inFlight -= count - accepted;
        return this.#violate(CORRUPT_RING);
      }
      const status = this.#takeOne(slot);
      if (status === ACCEPTED) accepted += 1;
      else this.#answer(slot, status);
    }
    if (taken < count) end.announceTaking(0);
    this.inFlight -= count - accepted;
    tenant.inFlight -= count - accepted;
    if (accepted > 0) this.#malformedInRow = 0;
    return this.#malformedInRow > MALFORMED_ENTRIES_MAX ? this.#violate(MALFORMED_ENTRIES) : taken;
  }

  #violate(reason: number): number {
    this.violation = reason;
    return TAKE_VIOLATION;
  }

  /**
   * Reads a slot once, into locals and the row: what the client writes there from now on has no effect. Only what
   * the operation uses is read. Returns ACCEPTED, the request then being in its queue; 0, if it is done already; or why it
   * is refused.
   */
  #takeOne(slot: number): number {
    if (isInFlight(this.journal[slot] as number)) return SLOT_BUSY;
    const { rows } = this;
    const { words } = this.end;
    const at = this.end.slotWord(slot);
    const base = slot * WORDS;
    const operation = words[at + OPERATION] as number;
    const queueNumber = words[at + QUEUE] as number;
    rows[base + OPERATION] = operation;
    rows[base + QUEUE] = queueNumber;
    rows[base + COOKIE_LOW] = words[at + COOKIE_LOW] as number;
    rows[base + COOKIE_HIGH] = words[at + COOKIE_HIGH] as number;
    if (operation >>> 0 >= OPERATIONS) return UNKNOWN_OPERATION;
    const algorithm = operationAlgorithm[operation] as number;
    if (algorithm === NO_ALGORITHM) return UNKNOWN_OPERATION;
    const flags = words[at + FLAGS] as number;
    const reserved = words[at + RESERVED] as number;
    if ((flags | reserved) !== 0) return flags === FLAG_CANCEL && reserved === 0 ? CANCELLED : BAD_REQUEST;
    const queue = queueNumber >>> 0 > QUEUES_MAX ? undefined : this.queues[queueNumber];
    if (queue === undefined) return UNKNOWN_QUEUE;
    if (queue.algorithmIndex !== algorithm) return OPERATION_NOT_ALLOWED;
    if (queue.inFlight >= queue.depth) return QUEUE_FULL;
    const uses = operationUses[operation] as number;
    if (uses === 0) {
      if (this.#hasRanges[slot] !== 0) this.#clearRanges(slot);
    } else {
      this.#copyUsed(slot, at, base, operation);
      this.#hasRanges[slot] = 1;
      const status = this.#checkUses(base, uses, algorithm);
      if (status !== 0) return status;
      if (queue.device.refusesAsTooLong(queue, slot)) return TOO_LARGE;
    }
    if (this.tenant.hasRates) this.tenant.spend(this.requestBytes(slot));
    if (queue.device.completesAtOnce) {
      queue.device.runAtOnce(queue, slot);
      return 0;
    }
    // Last, when the row is whole: from here on it is in flight, for the next engine too.
    this.journal[slot] = QUEUED | ((this.end.submissionHead - 1) << SHIFT);
    queue.inFlight += 1;
    queue.device.submit(queue, slot);
    return ACCEPTED;
  }

  /** Completes an entry that never was in flight: it is done already, or was refused. */
  #answer(slot: number, status: number): void {
    if (status === 0) this.#malformedInRow = 0;
    else this.#chargeRefused(status);
    const isBusy = status === SLOT_BUSY;
    // A busy slot's row belongs to the request in flight; the cookie is the client's own, so it may be read late.
    const from = isBusy ? this.end.words : this.rows;
    const at = isBusy ? this.end.slotWord(slot) : slot * WORDS;
    this.end.post(slot, status, from[at + COOKIE_LOW] as number, from[at + COOKIE_HIGH] as number, 0, 0, 0);
    // Taken and completed by one store.
    this.#head[LEDGERED_TAIL] = this.end.completionTail;
    this.#notePosted();
  }

  #chargeRefused(status: number): void {
    // Too much or too large is a client in a hurry, not a broken one, and a client may change its mind.
    if (status !== QUEUE_FULL && status !== TOO_LARGE && status !== CANCELLED) this.#malformedInRow += 1;
    this.tenant.chargeRubbish(1);
    if (this.tenant.hasRates) this.tenant.spend(0);
  }

  /** The row's last request had session and ranges; this one has none. */
  #clearRanges(slot: number): void {
    const base = slot * WORDS;
    this.#hasRanges[slot] = 0;
    this.rows[base + SESSION] = 0;
    this.rows.fill(0, base + SOURCE_REGION, base + RESERVED);
  }

  #copyUsed(slot: number, at: number, base: number, operation: number): void {
    const { rows } = this;
    const { words } = this.end;
    rows[base + R_SESSION] = words[at + R_SESSION] as number;
    for (let word = R_SOURCE_REGION; word < R_RESERVED; word++)
      rows[base + word] = words[at + word] as number;
    const count = operationParameterWords[operation] as number;
    if (count === 0) return;
    const from = this.end.parameterWord(slot);
    for (let word = 0; word < count; word++)
      rows[base + ROW_PARAMETERS + word] = words[from + word] as number;
  }

  /** Checks session and ranges, and puts the devices' handles in place of the client's numbers; 0 or a code. */
  #checkUses(base: number, uses: number, algorithm: number): number {
    if ((uses & USES_SESSION) === 0) {
      // Else the client's own word would pass for a handle.
      this.rows[base + SESSION] = 0;
    } else {
      const session = this.rows[base + R_SESSION] as number;
      if (session >>> 0 > CHANNEL_SESSIONS_MAX || this.sessionHandles[session] === 0) return UNKNOWN_SESSION;
      if (this.sessionAlgorithms[session] !== algorithm) return UNKNOWN_SESSION;
      this.rows[base + R_SESSION] = this.sessionHandles[session] as number;
    }
    const source = this.#checkRange(base + R_SOURCE_REGION, uses & USES_SOURCE);
    if (source !== 0) return source;
    const destination = this.#checkRange(base + R_DESTINATION_REGION, uses & USES_DESTINATION);
    if (destination !== 0) return destination;
    return this.#checkRange(base + R_AUXILIARY_REGION, uses & USES_AUXILIARY);
  }

  /** Region, offset and length of a range are three words in a row. An unused range counts as empty. */
  #checkRange(at: number, isUsed: number): number {
    const { rows } = this;
    const region = rows[at] as number;
    const bytes = (rows[at + 2] as number) >>> 0;
    if (isUsed === 0 || bytes === 0) {
      rows[at] = 0;
      rows[at + 1] = 0;
      rows[at + 2] = 0;
      return 0;
    }
    if (region >>> 0 > CHANNEL_REGIONS_MAX) return UNKNOWN_REGION;
    const regionBytes = this.regionBytes[region] as number;
    if (regionBytes === 0) return UNKNOWN_REGION;
    if (((rows[at + 1] as number) >>> 0) + bytes > regionBytes) return OUT_OF_RANGE;
    if (bytes > this.tenant.limits.requestBytesMax) return TOO_LARGE;
    rows[at] = this.regionHandles[region] as number;
    return 0;
  }

  /** Input and output of a request in flight together, bytes: what its cost is estimated from. */
  requestBytes(slot: number): number {
    const base = slot * WORDS;
    return (this.rows[base + SOURCE_BYTES] as number) + (this.rows[base + DESTINATION_BYTES] as number);
  }

  /** The device handles of regions and sessions that requests in flight name. */
  usedHandles(): ReadonlySet<number> {
    const { rows } = this;
    const used = new Set<number>();
    for (const [slot, word] of this.journal.entries()) {
      if (!isInFlight(word)) continue;
      const base = slot * WORDS;
      used.add(rows[base + SESSION] as number);
      used.add(rows[base + SOURCE_REGION] as number);
      used.add(rows[base + R_DESTINATION_REGION] as number);
      used.add(rows[base + R_AUXILIARY_REGION] as number);
    }
    return used;
  }

  /** The queue in which the request of a slot waits for a device; undefined if it doesn't, or is another one. */
  waitingQueue(slot: number, cookie: number): Queue | undefined {
    const word = this.journal[slot];
    if (word === undefined || !isInFlight(word) || (word & STARTED_BIT) !== 0) return undefined;
    const base = slot * WORDS;
    if (this.rows[base + COOKIE_LOW] !== cookie) return undefined;
    return this.queues[this.rows[base + QUEUE] as number];
  }

  /** A device gets the request: noted before it does. */
  started(slot: number): void {
    this.journal[slot] = (this.journal[slot] as number) | STARTED_BIT;
  }

  /** It was running when an engine died, and is to run once more. */
  markRerun(slot: number): void {
    this.journal[slot] = ((this.journal[slot] as number) | RERUN) & ~STARTED_BIT;
  }

  /** No device has it after all, or any more. */
  requeued(slot: number): void {
    this.journal[slot] = (this.journal[slot] as number) & ~STARTED_BIT;
  }

  operationOf(slot: number): number {
    return this.rows[slot * WORDS + OPERATION] as number;
  }

  /** Completes a request with what the device said. */
  complete(queue: Queue, slot: number, completion: Int32Array): void {
    if (this.#hasRanges[slot] !== 0 && !this.isEnded) this.#returnResults(slot, completion);
    const status = completion[STATUS] as number;
    const produced = completion[PRODUCED] as number;
    this.#finish(queue, slot, status, produced, completion[RESULT] as number, completion[NANOS] as number);
  }

  #returnResults(slot: number, completion: Int32Array): void {
    const count = operationResultWords[this.operationOf(slot)] as number;
    const { words } = this.end;
    const at = this.end.parameterWord(slot);
    for (let word = 0; word < count; word++) words[at + word] = completion[COMPLETION_WORDS + word] as number;
  }

  /** Completes a request that no device has completed, with a code. */
  fail(queue: Queue, slot: number, status: number): void {
    this.waitMillis[slot] = 0;
    this.#finish(queue, slot, status, 0, 0, 0);
  }

  /** Completes a request that the engine before has lost. Its queue may be gone. */
  interrupt(slot: number, status: number, ran: number): void {
    this.#complete(slot, status, 0, ran, 0);
  }

  #finish(queue: Queue, slot: number, status: number, produced: number, result: number, nanos: number): void {
    queue.inFlight -= 1;
    queue.completed += 1;
    this.#complete(slot, status, produced, result, nanos);
  }

  #complete(slot: number, status: number, produced: number, result: number, nanos: number): void {
    this.inFlight -= 1;
    this.tenant.inFlight -= 1;
    const base = slot * WORDS;
    const cookieLow = this.rows[base + COOKIE_LOW] as number;
    const cookieHigh = this.rows[base + COOKIE_HIGH] as number;
    if (this.isEnded) {
      this.journal[slot] = FREE;
    } else {
      const index = this.end.completionTail;
      this.end.post(slot, status, cookieLow, cookieHigh, produced, result, nanos);
      // One store says that the request is over and which completion is its own; the tail only follows.
      this.journal[slot] = POSTED | (index << SHIFT);
      this.#head[LEDGERED_TAIL] = index + 1;
    }
    this.#notePosted();
  }

  #notePosted(): void {
    if (this.isPosted) return;
    this.isPosted = true;
    this.#onPosted(this);
  }
}
