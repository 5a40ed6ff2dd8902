// The ledger: what an engine must leave behind for the next one to go on where it died. Records of channels come and
// go; the journal in them is written by the channel itself, for each request.

import { crc32 } from 'node:zlib';
import { assert } from '../../shared/assert.ts';
import { isSlotCount } from '../../shared/channel/layout.ts';
import { CHANNEL_QUEUES_MAX, CHANNEL_REGIONS_MAX, CHANNEL_SESSIONS_MAX } from '../../shared/limits.ts';
import {
  algorithmIndex,
  algorithmNames,
  type AlgorithmName,
  type SessionParameters,
} from '../../shared/operations.ts';
import { WarpError } from '../../shared/errors.ts';
import type { Fd } from '../../sys/fd.ts';
import { createSealedMemory, type Mapping, PAGE_BYTES, punchOut, reserveMapping } from '../../sys/memory.ts';
import {
  CHECKED_OFFSET,
  DEVICE_NAME_BYTES,
  DEVICE_NAMES_OFFSET,
  DEVICES_MAX,
  DIRECTORY_PAGE,
  ENTRY_WORDS,
  F_MAGIC,
  F_NEXT_ENTRY,
  F_NEXT_HANDLE,
  F_NEXT_PAGE,
  F_VERSION,
  FIRST_RECORD_PAGE,
  isInFlight,
  KEY_LEVEL,
  L_CHECKSUM,
  L_COMPLETION_TAIL,
  L_DOORBELL,
  L_MEMORY,
  L_QUEUES,
  L_REGIONS,
  L_SESSIONS_END,
  L_SETUP_BYTES,
  L_SLOTS,
  LEDGER_BYTES,
  LEDGER_MAGIC,
  LEDGER_VERSION,
  PAGE_WORDS,
  RECORD_FREE,
  RECORD_LIVE,
  recordGeometry,
  RECORDS_MAX,
  S_ALGORITHM,
  S_CHECKSUM,
  S_HANDLE,
  S_KEY,
  S_LEVEL,
  sessionLayout,
  SETUP_BYTES_MAX,
  SETUP_OFFSET,
} from './ledger-layout.ts';

/** Handles of the ledger itself and of the lifeline (lifeline.ts); others are given from here on. */
export const LEDGER_HANDLE = 1;
export const LIFELINE_HANDLE = 2;
const FIRST_FREE_HANDLE = 3;

const DIRECTORY_WORD = DIRECTORY_PAGE * PAGE_WORDS;
const SESSION_WORDS = sessionLayout.bytes / 4;

export interface LedgeredQueue {
  readonly number: number;
  readonly device: string;
  readonly algorithm: AlgorithmName;
  /** DIRECT_DEPTH: its hardware queue is the client's own. */
  readonly depth: number;
}

export interface LedgeredRegion {
  readonly number: number;
  readonly handle: number;
  readonly bytes: number;
}

export interface LedgeredSession {
  readonly number: number;
  readonly handle: number;
  readonly parameters: SessionParameters;
}

export class Ledger {
  readonly memory: Fd;
  readonly #mapping: Mapping;
  readonly #words: Int32Array;
  /** Entries of the directory whose pages wait for the next channel of as many slots. */
  readonly #freeEntries = new Map<number, number[]>();

  /**
   * Where a ledger will be mapped. To be had beforehand, by an engine that stands by: for memory of this size V8 collects
   * garbage.
   */
  static reserve(): Mapping {
    return reserveMapping(LEDGER_BYTES, 'reserve addresses for the ledger');
  }

  static create(reserved = Ledger.reserve()): Ledger {
    const memory = createSealedMemory('warpdrive-ledger', LEDGER_BYTES);
    const ledger = new Ledger(memory, reserved);
    ledger.#words[F_VERSION] = LEDGER_VERSION;
    ledger.#words[F_NEXT_HANDLE] = FIRST_FREE_HANDLE;
    ledger.#words[F_NEXT_PAGE] = FIRST_RECORD_PAGE;
    ledger.#words[F_MAGIC] = LEDGER_MAGIC;
    return ledger;
  }

  /** The ledger of an engine that is gone, whose memory it takes over; why not, if it can't be used. */
  static open(memory: Fd, reserved = Ledger.reserve()): Ledger | string {
    let ledger: Ledger;
    try {
      ledger = new Ledger(memory, reserved);
    } catch (error) {
      return (error as Error).message;
    }
    const magic = ledger.#words[F_MAGIC];
    const version = ledger.#words[F_VERSION];
    if (magic === LEDGER_MAGIC && version === LEDGER_VERSION) return ledger;
    ledger.close();
    if (magic !== LEDGER_MAGIC) return 'it does not begin like a ledger';
    return `it has version ${version}, this engine writes version ${LEDGER_VERSION}`;
  }

  private constructor(memory: Fd, reserved: Mapping) {
    this.memory = memory;
    reserved.replace(memory);
    this.#mapping = reserved;
    this.#words = this.#mapping.words();
  }

  close(): void {
    this.#mapping.unmap();
    this.memory.close();
  }

  /** A handle that names a descriptor in the vault, a region or a session towards devices; never given twice. */
  takeHandle(): number {
    const handle = this.#words[F_NEXT_HANDLE] as number;
    this.#words[F_NEXT_HANDLE] = handle + 1;
    return handle;
  }

  /**
   * The records of all channels. Those that make no sense are left out, with a reason each, and their pages are not
   * used again. To be called once, on an opened ledger, before records are added.
   */
  restore(): { readonly records: readonly LedgerRecord[]; readonly refused: readonly string[] } {
    const records: LedgerRecord[] = [];
    const refused: string[] = [];
    const taken: { readonly first: number; readonly end: number; readonly entry: number }[] = [];
    const entries = Math.min((this.#words[F_NEXT_ENTRY] as number) >>> 0, RECORDS_MAX);
    let nextPage = Math.max((this.#words[F_NEXT_PAGE] as number) >>> 0, FIRST_RECORD_PAGE);
    for (let entry = 0; entry < entries; entry++) {
      const at = DIRECTORY_WORD + entry * ENTRY_WORDS;
      const first = (this.#words[at] as number) >>> 0;
      const state = (this.#words[at + 1] as number) & 3;
      const slots = (this.#words[at + 1] as number) >>> 2;
      const isPossible =
        isSlotCount(slots) && first >= FIRST_RECORD_PAGE && first < LEDGER_BYTES / PAGE_BYTES;
      const end = isPossible ? first + recordGeometry(slots).pages : first;
      if (!isPossible || end * PAGE_BYTES > LEDGER_BYTES) {
        refused.push(`entry ${entry} of the directory: ${slots} slots at page ${first}`);
        continue;
      }
      taken.push({ first, end, entry });
      nextPage = Math.max(nextPage, end);
      if (state === RECORD_FREE) this.#freeOf(slots).push(entry);
    }
    this.#words[F_NEXT_ENTRY] = entries;
    this.#words[F_NEXT_PAGE] = nextPage;
    const overlapping = findOverlaps(taken);
    for (const { entry, first } of taken) {
      const word = this.#words[DIRECTORY_WORD + entry * ENTRY_WORDS + 1] as number;
      if ((word & 3) !== RECORD_LIVE) continue;
      const record = new LedgerRecord(this, entry, this.#words, first * PAGE_WORDS, word >>> 2);
      const reason = overlapping.has(entry) ? 'its pages are those of another, too' : record.check();
      if (reason === undefined) records.push(record);
      else refused.push(`record ${entry}: ${reason}`);
    }
    return { records, refused };
  }

  /**
   * Writes a channel down; it counts from `commit` on. `setup`: the call that opened it. `slots`, and the handles of
   * its descriptors in the vault. Throws QUOTA_EXCEEDED when the ledger is full.
   */
  add(
    setup: unknown,
    {
      slots,
      memory,
      doorbell,
    }: { readonly slots: number; readonly memory: number; readonly doorbell: number },
  ): LedgerRecord {
    const text = Buffer.from(JSON.stringify(setup));
    assert(text.length <= SETUP_BYTES_MAX, 'the call that opens a channel fits its record');
    const entry = this.#freeOf(slots).pop() ?? this.#appendEntry(slots);
    const at = DIRECTORY_WORD + entry * ENTRY_WORDS;
    const record = new LedgerRecord(
      this,
      entry,
      this.#words,
      (this.#words[at] as number) * PAGE_WORDS,
      slots,
    );
    record.write(text, memory, doorbell);
    return record;
  }

  /** The next engine is to go on with the channel: the vault has its descriptors. */
  commit({ entry, slots }: LedgerRecord): void {
    this.#words[DIRECTORY_WORD + entry * ENTRY_WORDS + 1] = (slots << 2) | RECORD_LIVE;
  }

  /** Forgets a channel, and empties its pages: keys were among them. */
  remove(record: LedgerRecord): void {
    const { entry, slots, firstWord } = record;
    this.#words[DIRECTORY_WORD + entry * ENTRY_WORDS + 1] = (slots << 2) | RECORD_FREE;
    const bytes = recordGeometry(slots).pages * PAGE_BYTES;
    punchOut(this.memory, { offset: firstWord * 4, bytes });
    this.#freeOf(slots).push(entry);
  }

  #freeOf(slots: number): number[] {
    let entries = this.#freeEntries.get(slots);
    if (entries === undefined) {
      entries = [];
      this.#freeEntries.set(slots, entries);
    }
    return entries;
  }

  #appendEntry(slots: number): number {
    const { pages } = recordGeometry(slots);
    const entry = this.#words[F_NEXT_ENTRY] as number;
    const page = this.#words[F_NEXT_PAGE] as number;
    if (entry === RECORDS_MAX || (page + pages) * PAGE_BYTES > LEDGER_BYTES) {
      throw new WarpError('QUOTA_EXCEEDED', {
        operation: 'open a channel',
        found: `the engine's ledger is full (${entry} records)`,
        hint: 'close channels, or open them with fewer slots',
      });
    }
    const at = DIRECTORY_WORD + entry * ENTRY_WORDS;
    this.#words[at] = page;
    this.#words[at + 1] = (slots << 2) | RECORD_FREE;
    this.#words[F_NEXT_ENTRY] = entry + 1;
    this.#words[F_NEXT_PAGE] = page + pages;
    return entry;
  }

  /** The number by which records name a device: given at its first use, kept for good. */
  deviceNumber(name: string): number {
    for (let number = 0; number < DEVICES_MAX; number++) {
      const known = this.deviceName(number);
      if (known === name) return number;
      if (known !== '') continue;
      this.#deviceName(number).write(name, 'latin1');
      return number;
    }
    throw new WarpError('QUOTA_EXCEEDED', {
      operation: `open a queue on ${name}`,
      found: `${DEVICES_MAX} devices were in use since the ledger was made`,
      hint: 'stop the daemon and start it again',
    });
  }

  deviceName(number: number): string {
    return this.#deviceName(number).toString('latin1').replace(/\0.*$/s, '');
  }

  /** A small view: methods of a Buffer of 4 GiB that write text write nothing. */
  #deviceName(number: number): Buffer {
    const at = DEVICE_NAMES_OFFSET + number * DEVICE_NAME_BYTES;
    return this.#mapping.buffer.subarray(at, at + DEVICE_NAME_BYTES);
  }

  /** For LedgerRecord only: a part of the file. */
  bytes(word: number, words: number): Buffer {
    return this.#mapping.buffer.subarray(word * 4, (word + words) * 4);
  }

  /** For LedgerRecord only. */
  view(word: number, words: number): Int32Array {
    return new Int32Array(this.#words.buffer, this.#words.byteOffset + word * 4, words);
  }
}

/** Records that share a page with another. */
function findOverlaps(
  extents: { readonly first: number; readonly end: number; readonly entry: number }[],
): ReadonlySet<number> {
  const found = new Set<number>();
  const inOrder = [...extents].sort((a, b) => a.first - b.first);
  for (const [index, extent] of inOrder.entries()) {
    const next = inOrder[index + 1];
    if (next === undefined || next.first >= extent.end) continue;
    found.add(extent.entry);
    found.add(next.entry);
  }
  return found;
}

/** The record of one channel. */
export class LedgerRecord {
  readonly entry: number;
  readonly slots: number;
  readonly firstWord: number;
  /** The head of the record; its completion tail is the engine's own index. */
  readonly head: Int32Array;
  readonly journal: Int32Array;
  readonly rows: Int32Array;
  readonly #ledger: Ledger;

  constructor(ledger: Ledger, entry: number, words: Int32Array, firstWord: number, slots: number) {
    this.#ledger = ledger;
    this.entry = entry;
    this.slots = slots;
    this.firstWord = firstWord;
    const { journal, rows, sessions } = recordGeometry(slots);
    assert(firstWord + sessions < words.length, 'the record lies in the ledger');
    this.head = ledger.view(firstWord, PAGE_WORDS);
    this.journal = ledger.view(firstWord + journal, slots);
    this.rows = ledger.view(firstWord + rows, sessions - rows);
  }

  get memory(): number {
    return this.head[L_MEMORY] as number;
  }

  get doorbell(): number {
    return this.head[L_DOORBELL] as number;
  }

  /** Whether requests are in flight. */
  get isBusy(): boolean {
    return this.journal.some(isInFlight);
  }

  get completionTail(): number {
    return this.head[L_COMPLETION_TAIL] as number;
  }

  /** The call that opened the channel, as it was written down. */
  get setup(): unknown {
    const bytes = this.head[L_SETUP_BYTES] as number;
    const head = this.#ledger.bytes(this.firstWord, PAGE_WORDS);
    return JSON.parse(head.toString('utf8', SETUP_OFFSET, SETUP_OFFSET + bytes)) as unknown;
  }

  write(setup: Buffer, memory: number, doorbell: number): void {
    const { head } = this;
    head[L_SLOTS] = this.slots;
    head[L_MEMORY] = memory;
    head[L_DOORBELL] = doorbell;
    head[L_SETUP_BYTES] = setup.length;
    setup.copy(this.#ledger.bytes(this.firstWord, PAGE_WORDS), SETUP_OFFSET);
    head[L_CHECKSUM] = this.#checksum();
  }

  #checksum(): number {
    const end = SETUP_OFFSET + (this.head[L_SETUP_BYTES] as number);
    return crc32(this.#ledger.bytes(this.firstWord, PAGE_WORDS).subarray(CHECKED_OFFSET, end)) | 0;
  }

  /** What is wrong with the record; undefined if nothing is. */
  check(): string | undefined {
    const { head } = this;
    if (head[L_SLOTS] !== this.slots) return `${head[L_SLOTS]} slots, ${this.slots} in the directory`;
    if ((head[L_SETUP_BYTES] as number) >>> 0 > SETUP_BYTES_MAX)
      return 'the length of the setup is impossible';
    if (head[L_CHECKSUM] !== this.#checksum()) return 'its checksum is wrong';
    return undefined;
  }

  setQueue({ number, device, algorithm, depth }: LedgeredQueue): void {
    const name = (this.#ledger.deviceNumber(device) << 8) | algorithmIndex(algorithm);
    this.head[L_QUEUES + number - 1] = (depth << 16) | name;
  }

  clearQueue(number: number): void {
    this.head[L_QUEUES + number - 1] = 0;
  }

  queues(): LedgeredQueue[] {
    const queues: LedgeredQueue[] = [];
    for (let number = 1; number <= CHANNEL_QUEUES_MAX; number++) {
      const word = this.head[L_QUEUES + number - 1] as number;
      const algorithm = algorithmNames[word & 0xff];
      if (word === 0 || algorithm === undefined) continue;
      queues.push({
        number,
        device: this.#ledger.deviceName((word >>> 8) & 0xff),
        algorithm,
        depth: word >>> 16,
      });
    }
    return queues;
  }

  /** The bytes are stored last: a region without them is not there. */
  setRegion({ number, handle, bytes }: LedgeredRegion): void {
    const at = L_REGIONS + (number - 1) * 2;
    this.head[at + 1] = handle;
    this.head[at] = bytes;
  }

  /** Unless another region has taken the number. */
  clearRegion(number: number, handle: number): void {
    const at = L_REGIONS + (number - 1) * 2;
    if (this.head[at + 1] === handle) this.head[at] = 0;
  }

  regions(): LedgeredRegion[] {
    const regions: LedgeredRegion[] = [];
    for (let number = 1; number <= CHANNEL_REGIONS_MAX; number++) {
      const at = L_REGIONS + (number - 1) * 2;
      const bytes = this.head[at] as number;
      if (bytes !== 0) regions.push({ number, handle: this.head[at + 1] as number, bytes });
    }
    return regions;
  }

  /** The checksum is stored last: a session without it is not there. */
  setSession({ number, handle, parameters }: LedgeredSession): void {
    this.head[L_SESSIONS_END] = Math.max(this.head[L_SESSIONS_END] as number, number);
    const words = this.#session(number);
    words[S_ALGORITHM] = algorithmIndex(parameters.algorithm);
    words[S_HANDLE] = handle;
    words[S_LEVEL] = parameters.kind === 'level' ? parameters.level : KEY_LEVEL;
    if (parameters.kind === 'key')
      for (let word = 0; word < 8; word++) words[S_KEY + word] = parameters.key.readInt32LE(word * 4);
    words[S_CHECKSUM] = sessionChecksum(words);
  }

  clearSession(number: number): void {
    const words = this.#session(number);
    words[S_CHECKSUM] = 0;
    words.fill(0);
  }

  sessions(): LedgeredSession[] {
    const sessions: LedgeredSession[] = [];
    const end = Math.min(this.head[L_SESSIONS_END] as number, CHANNEL_SESSIONS_MAX);
    for (let number = 1; number <= end; number++) {
      const words = this.#session(number);
      if (words[S_CHECKSUM] === 0 || words[S_CHECKSUM] !== sessionChecksum(words)) continue;
      const algorithm = algorithmNames[words[S_ALGORITHM] as number];
      if (algorithm === undefined) continue;
      const level = words[S_LEVEL] as number;
      const key = Buffer.alloc(32);
      for (let word = 0; word < 8; word++) key.writeInt32LE(words[S_KEY + word] as number, word * 4);
      const parameters: SessionParameters =
        level === KEY_LEVEL ? { algorithm, kind: 'key', key } : { algorithm, kind: 'level', level };
      sessions.push({ number, handle: words[S_HANDLE] as number, parameters });
    }
    return sessions;
  }

  #session(number: number): Int32Array {
    const at = this.firstWord + recordGeometry(this.slots).sessions + (number - 1) * SESSION_WORDS;
    return this.#ledger.view(at, SESSION_WORDS);
  }
}

/** Never 0, which stands for no session. */
function sessionChecksum(words: Int32Array): number {
  const bytes = new Uint8Array(words.buffer, words.byteOffset + 4, (SESSION_WORDS - 1) * 4);
  return crc32(bytes) | 1;
}
