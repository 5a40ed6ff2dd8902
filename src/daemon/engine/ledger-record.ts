// The record of one channel in the ledger: who it belongs to, its descriptors, and what it has by number. The journal and
// the rows in it are written by the channel itself, for each request (channel.ts).

import { crc32 } from 'node:zlib';
import { CHANNEL_QUEUES_MAX, CHANNEL_REGIONS_MAX, CHANNEL_SESSIONS_MAX } from '../../shared/limits.ts';
import {
  algorithmIndex,
  algorithmNames,
  type AlgorithmName,
  type SessionParameters,
} from '../../shared/operations.ts';
import {
  CHECKED_OFFSET,
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
  PAGE_WORDS,
  recordGeometry,
  S_ALGORITHM,
  S_CHECKSUM,
  S_HANDLE,
  S_KEY,
  S_LEVEL,
  sessionLayout,
  SETUP_BYTES_MAX,
  SETUP_OFFSET,
} from './ledger-layout.ts';
import type { Ledger } from './ledger.ts';

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

export class LedgerRecord {
  readonly entry: number;
  readonly slots: number;
  readonly firstWord: number;
  /** The head of the record; its completion tail is the engine's own index. */
  readonly head: Int32Array;
  readonly journal: Int32Array;
  readonly rows: Int32Array;
  readonly #ledger: Ledger;

  /** Made by the ledger, whose directory says where it is. */
  constructor(
    ledger: Ledger,
    {
      entry,
      firstWord,
      slots,
    }: { readonly entry: number; readonly firstWord: number; readonly slots: number },
  ) {
    this.#ledger = ledger;
    this.entry = entry;
    this.slots = slots;
    this.firstWord = firstWord;
    const { journal, rows, sessions } = recordGeometry(slots);
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
