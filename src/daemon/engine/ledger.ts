// The ledger: what an engine must leave behind for the next one to go on where it died. This is the file and its
// directory, in which the records of channels (ledger-record.ts) come and go; its bytes are in ledger-layout.ts.

import { assert } from '../../shared/assert.ts';
import { isSlotCount } from '../../shared/channel/layout.ts';
import { WarpError } from '../../shared/errors.ts';
import type { Fd } from '../../sys/fd.ts';
import { createSealedMemory, type Mapping, PAGE_BYTES, punchOut, reserveMapping } from '../../sys/memory.ts';
import {
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
  LEDGER_BYTES,
  LEDGER_MAGIC,
  LEDGER_VERSION,
  PAGE_WORDS,
  RECORD_FREE,
  RECORD_LIVE,
  recordGeometry,
  RECORDS_MAX,
  SETUP_BYTES_MAX,
} from './ledger-layout.ts';
import { LedgerRecord } from './ledger-record.ts';

/** Handles of the ledger itself and of the lifeline (lifeline.ts); others are given from here on. */
export const LEDGER_HANDLE = 1;
export const LIFELINE_HANDLE = 2;
const FIRST_FREE_HANDLE = 3;

const DIRECTORY_WORD = DIRECTORY_PAGE * PAGE_WORDS;

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
    for (const { entry } of taken) {
      const word = this.#words[DIRECTORY_WORD + entry * ENTRY_WORDS + 1] as number;
      if ((word & 3) !== RECORD_LIVE) continue;
      const record = this.#record(entry);
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
    const record = this.#record(entry);
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

  #record(entry: number): LedgerRecord {
    const at = DIRECTORY_WORD + entry * ENTRY_WORDS;
    const firstWord = (this.#words[at] as number) * PAGE_WORDS;
    return new LedgerRecord(this, { entry, firstWord, slots: (this.#words[at + 1] as number) >>> 2 });
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
    assert(word + words <= this.#words.length, 'the record lies in the ledger');
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
