// The work of the clients: requests on a lane, which is a part of a region that one request has for itself. Each job
// fills its lane, says what the whole lane is to hold afterwards, and compares every byte of it.
//
//     lane   | random bytes ...  source ... destination ... |     a neighbour's request must not reach in here
//
// A job in place overwrites its own input: run twice, it leaves other bytes than run once.

import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { crc32, gunzipSync, gzipSync } from 'node:zlib';
import type { Completion, OperationName, Region, Request, Session } from '../../src/client/index.ts';
import type { Random } from './random.ts';

export const LANE_BYTES = 16 * 1024;
const HALF = LANE_BYTES / 2;

/** Queues by name: what each is requested for. `slow` ones are on a device that takes its time for each request. */
export const queueKinds = {
  copy: { algorithm: 'copy', device: 'soft0', depth: 16 },
  fill: { algorithm: 'fill', device: 'soft0', depth: 8 },
  crc32: { algorithm: 'crc32', device: 'soft0', depth: 8 },
  sha: { algorithm: 'sha-256', device: 'soft0', depth: 8 },
  gzip: { algorithm: 'gzip', device: 'soft0', depth: 8 },
  cbc: { algorithm: 'aes-256-cbc', device: 'soft0', depth: 8 },
  gcm: { algorithm: 'aes-256-gcm', device: 'soft0', depth: 8 },
  slowCopy: { algorithm: 'copy', device: 'slow0', depth: 6 },
  slowCrc32: { algorithm: 'crc32', device: 'slow0', depth: 6 },
} as const;
export type QueueKind = keyof typeof queueKinds;

const KEY = randomBytes(32);
export const sessionKinds = {
  gzip: { level: 1 },
  cbc: { key: KEY },
  gcm: { key: KEY },
} as const satisfies Partial<Record<QueueKind, object>>;
export type Sessions = Readonly<Record<keyof typeof sessionKinds, Session>>;

/** One request and what it is to do to its lane. */
export class Job {
  readonly queue: QueueKind;
  readonly request: Request;
  readonly isInPlace: boolean;
  readonly #lane: Buffer;
  readonly #before: Buffer;
  /** What the lane holds after it, going by the completion; throws if that is wrong. */
  readonly #after: (completion: Completion) => Buffer;
  /** Which bytes it may write, whatever it writes there; only where its output can't be foretold. */
  readonly #output: { readonly start: number; readonly end: number } | undefined;

  constructor(queue: QueueKind, request: Request, lane: Buffer, plan: Plan) {
    this.queue = queue;
    this.request = request;
    this.isInPlace = plan.isInPlace ?? false;
    this.#lane = lane;
    this.#before = Buffer.from(lane);
    this.#after = plan.after;
    this.#output = plan.output;
  }

  /** Compares every byte of the lane with what the completion promises. Throws what is wrong. */
  check(completion: Completion): void {
    const { code, ran } = completion;
    if (code === 'OK') return this.#expect(this.#after(completion), completion);
    if (ran === 'no') return this.#expect(this.#before, completion);
    this.#expectHalf(completion);
  }

  #expect(expected: Buffer, completion: Completion): void {
    if (this.#lane.equals(expected)) return;
    const at = expected.findIndex((byte, index) => this.#lane[index] !== byte);
    throw new Error(`${this.#describe(completion)}: byte ${at} of the lane is wrong`);
  }

  /** It ran not at all, half, or once; never twice. */
  #expectHalf(completion: Completion): void {
    const before = this.#before;
    const { start, end } = this.#output ?? { start: LANE_BYTES, end: LANE_BYTES };
    const after = this.#output === undefined ? this.#after(completion) : before;
    for (let at = 0; at < LANE_BYTES; at++) {
      const byte = this.#lane[at];
      if (byte === before[at] || byte === after[at] || (at >= start && at < end)) continue;
      throw new Error(`${this.#describe(completion)}: byte ${at} is neither the old nor the new one`);
    }
  }

  #describe({ code, ran, cookie, produced, result }: Completion): string {
    const { operation } = this.request;
    return `${operation} on ${this.queue}, cookie ${cookie}: ${code}, ran ${ran}, produced ${produced}, result ${result}`;
  }
}

interface Plan {
  readonly isInPlace?: boolean;
  readonly after: (completion: Completion) => Buffer;
  readonly output?: { readonly start: number; readonly end: number };
}

interface Place {
  readonly lane: Buffer;
  readonly region: Region;
  /** Of the lane in its region. */
  readonly offset: number;
  readonly sessions: Sessions;
  readonly random: Random;
}

type JobMaker = (place: Place) => Job;

const POOL_BYTES = 1 << 20;
const pool = randomBytes(POOL_BYTES);
/** Text that compresses, and members that hold it. */
const texts = Array.from({ length: 8 }, (_, index) =>
  Buffer.from(`${index}: all work and no play makes Jack a dull boy. `.repeat(100)).subarray(0, HALF - index),
);
const members = texts.map((text) => gzipSync(text, { level: 1 }));

function fillLane({ lane, random }: Place): void {
  const from = random.within(0, POOL_BYTES - LANE_BYTES);
  pool.copy(lane, 0, from, from + LANE_BYTES);
}

function range({ region, offset }: Place, at: number, bytes: number) {
  return { region, offset: offset + at, bytes };
}

/** The lane as it is now, with some bytes replaced. */
function replaced({ lane }: Place, at: number, bytes: Uint8Array): () => Buffer {
  const after = Buffer.from(lane);
  after.set(bytes, at);
  return () => after;
}

function copyTo(queue: QueueKind): JobMaker {
  return (place) => {
    fillLane(place);
    const bytes = place.random.within(1, HALF);
    const after = replaced(place, HALF, place.lane.subarray(0, bytes));
    const request = {
      operation: 'copy',
      source: range(place, 0, bytes),
      destination: range(place, HALF, bytes),
    } as const;
    return new Job(queue, request, place.lane, { after });
  };
}

/** Onto itself, some bytes further on: a second run would move it once more. */
function copyInPlace(queue: QueueKind): JobMaker {
  return (place) => {
    fillLane(place);
    const bytes = place.random.within(64, HALF);
    const shift = place.random.within(1, 63);
    const after = replaced(place, shift, place.lane.subarray(0, bytes));
    const request = {
      operation: 'copy',
      source: range(place, 0, bytes),
      destination: range(place, shift, bytes),
    } as const;
    return new Job(queue, request, place.lane, { isInPlace: true, after });
  };
}

function sum(queue: QueueKind): JobMaker {
  return (place) => {
    fillLane(place);
    const bytes = place.random.within(1, LANE_BYTES);
    const expected = crc32(place.lane.subarray(0, bytes));
    const request = { operation: 'crc32', source: range(place, 0, bytes) } as const;
    const same = replaced(place, 0, Buffer.alloc(0));
    const after = ({ code, result }: Completion): Buffer => {
      if (code === 'OK' && result !== expected) throw new Error(`crc32 gave ${result} and not ${expected}`);
      return same();
    };
    return new Job(queue, request, place.lane, { after });
  };
}

function fill(place: Place): Job {
  fillLane(place);
  const bytes = place.random.within(1, LANE_BYTES);
  const pattern = Buffer.alloc(8);
  place.random.fill(pattern);
  const after = replaced(place, 0, Buffer.alloc(bytes, pattern));
  const request = { operation: 'fill', destination: range(place, 0, bytes), pattern } as const;
  return new Job('fill', request, place.lane, { after });
}

function sha(place: Place): Job {
  fillLane(place);
  const bytes = place.random.within(1, HALF);
  const digest = createHash('sha256').update(place.lane.subarray(0, bytes)).digest();
  const request = {
    operation: 'sha-256',
    source: range(place, 0, bytes),
    destination: range(place, HALF, digest.length),
  } as const;
  return new Job('sha', request, place.lane, { after: replaced(place, HALF, digest) });
}

/** Libraries differ in their output: what counts is that it can be read again. */
function compress(place: Place): Job {
  fillLane(place);
  const text = place.random.pick(texts);
  text.copy(place.lane);
  const { lane } = place;
  const before = Buffer.from(lane);
  const request = {
    operation: 'gzip-compress',
    session: place.sessions.gzip,
    source: range(place, 0, text.length),
    destination: range(place, HALF, HALF),
  } as const;
  const after = ({ produced }: Completion): Buffer => {
    const output = lane.subarray(HALF, HALF + produced);
    if (!gunzipSync(output).equals(text)) throw new Error('gzip-compress gave something else');
    before.set(output, HALF);
    return before;
  };
  return new Job('gzip', request, lane, { after, output: { start: HALF, end: LANE_BYTES } });
}

function decompress(place: Place): Job {
  fillLane(place);
  const which = place.random.within(0, members.length - 1);
  const member = members[which] as Buffer;
  const text = texts[which] as Buffer;
  member.copy(place.lane);
  const request = {
    operation: 'gzip-decompress',
    session: place.sessions.gzip,
    source: range(place, 0, member.length),
    destination: range(place, HALF, HALF),
  } as const;
  return new Job('gzip', request, place.lane, { after: replaced(place, HALF, text) });
}

/** Onto its own input; the soft device reads all of that before it writes. A second run would encrypt twice. */
function encryptInPlace(queue: 'cbc' | 'gcm', operation: OperationName): JobMaker {
  return (place) => {
    fillLane(place);
    const { lane, random } = place;
    const bytes = random.within(1, HALF);
    const iv = Buffer.alloc(queue === 'gcm' ? 12 : 16);
    random.fill(iv);
    const plain = lane.subarray(0, bytes);
    const [text, tag] = queue === 'gcm' ? encryptGcm(plain, iv) : encryptCbc(plain, iv);
    const done = replaced(place, 0, text);
    const request = {
      operation,
      session: place.sessions[queue],
      source: range(place, 0, bytes),
      destination: range(place, 0, text.length),
      iv,
    };
    const after = (completion: Completion): Buffer => {
      if (tag !== undefined && completion.code === 'OK' && !tag.equals(completion.tag ?? Buffer.alloc(0)))
        throw new Error('aes-256-gcm-encrypt gave a wrong tag');
      return done();
    };
    return new Job(queue, request, lane, { isInPlace: true, after });
  };
}

function encryptGcm(plain: Buffer, iv: Buffer): readonly [Buffer, Buffer] {
  const cipher = createCipheriv('aes-256-gcm', KEY, iv);
  const text = Buffer.concat([cipher.update(plain), cipher.final()]);
  return [text, cipher.getAuthTag()];
}

function encryptCbc(plain: Buffer, iv: Buffer): readonly [Buffer, undefined] {
  const cipher = createCipheriv('aes-256-cbc', KEY, iv);
  return [Buffer.concat([cipher.update(plain), cipher.final()]), undefined];
}

/** Half of them in place. */
export const jobMakers: readonly JobMaker[] = [
  copyTo('copy'),
  copyInPlace('copy'),
  copyInPlace('copy'),
  fill,
  sum('crc32'),
  sha,
  compress,
  decompress,
  encryptInPlace('cbc', 'aes-256-cbc-encrypt'),
  encryptInPlace('gcm', 'aes-256-gcm-encrypt'),
  copyTo('slowCopy'),
  copyInPlace('slowCopy'),
  copyInPlace('slowCopy'),
  sum('slowCrc32'),
];
