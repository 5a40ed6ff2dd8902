// What a valid client asks for, and how each answer is compared with what node's own libraries make of the same input.

import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { crc32, gunzipSync, gzipSync } from 'node:zlib';
import type {
  AlgorithmName,
  Completion,
  Connection,
  Queue,
  Range,
  Region,
  Request,
  Session,
} from '../../../src/client/index.ts';
import { algorithmNames, sessionKind } from '../../../src/shared/operations.ts';
import type { Noise } from './noise.ts';

/** What the checks of a process have come to. */
export interface Findings {
  requests: number;
  /** What was wrong, in words. */
  readonly errors: string[];
}

const BYTES_MAX = 24 * 1024;
/** Input, output and second input of one request. */
const RANGE_BYTES = 32 * 1024;
const RANGES = 3;
/** What lies where output is to go. */
const BEHIND = 0xa5;
const KEY = Buffer.alloc(32, 'the key of whoever behaves');

/** Where one request at a time is checked: a queue and a session for each algorithm, and a region. */
export class Bench {
  readonly noise: Noise;
  readonly #findings: Findings;
  readonly #queues: Readonly<Record<AlgorithmName, Queue>>;
  readonly #sessions: Readonly<Record<AlgorithmName, Session>>;
  readonly #region: Region;

  static async open(connection: Connection, noise: Noise, findings: Findings): Promise<Bench> {
    const queues = {} as Record<AlgorithmName, Queue>;
    const sessions = {} as Record<AlgorithmName, Session>;
    for (const algorithm of algorithmNames) {
      const queue = await connection.requestQueue({ algorithm });
      queues[algorithm] = queue;
      const kind = sessionKind(algorithm);
      if (kind !== 'none')
        sessions[algorithm] = await queue.openSession(kind === 'key' ? { key: KEY } : { level: 1 });
    }
    const region = await connection.share(RANGES * RANGE_BYTES);
    return new Bench(noise, findings, queues, sessions, region);
  }

  private constructor(
    noise: Noise,
    findings: Findings,
    queues: Readonly<Record<AlgorithmName, Queue>>,
    sessions: Readonly<Record<AlgorithmName, Session>>,
    region: Region,
  ) {
    this.noise = noise;
    this.#findings = findings;
    this.#queues = queues;
    this.#sessions = sessions;
    this.#region = region;
  }

  /** Gives everything back, one by one. */
  async release(): Promise<void> {
    for (const session of Object.values(this.#sessions)) await session.release();
    for (const queue of Object.values(this.#queues)) await queue.release();
    await this.#region.release();
  }

  /** The range number `index`, filled with `contents`. */
  range(index: 0 | 1 | 2, contents: Buffer): Range {
    const offset = index * RANGE_BYTES;
    contents.copy(this.#region.buffer, offset);
    return { region: this.#region, offset, bytes: contents.length };
  }

  /** Room for output, full of something else. */
  room(): Range {
    return this.range(1, Buffer.alloc(RANGE_BYTES, BEHIND));
  }

  read(range: Range, bytes: number): Buffer {
    return this.#region.buffer.subarray(range.offset, range.offset + bytes);
  }

  session(algorithm: AlgorithmName): Session {
    return this.#sessions[algorithm];
  }

  async submit(algorithm: AlgorithmName, request: Request): Promise<Completion> {
    const completion = await this.#queues[algorithm].submit(request);
    this.#findings.requests += 1;
    if (completion.code !== 'OK') this.wrong(`${request.operation} completed with ${completion.code}`);
    return completion;
  }

  /** Runs a request whose output must be `expected`, and nothing behind it touched. */
  async expect(algorithm: AlgorithmName, request: Request, expected: Buffer): Promise<Completion> {
    const destination = this.room();
    const completion = await this.submit(algorithm, { ...request, destination });
    this.same(request.operation, this.read(destination, completion.produced), expected);
    const behind = this.read(destination, RANGE_BYTES).subarray(expected.length);
    if (!behind.every((byte) => byte === BEHIND)) this.wrong(`${request.operation} wrote behind its output`);
    return completion;
  }

  same(what: string, found: Uint8Array, expected: Uint8Array): void {
    if (Buffer.compare(found, expected) !== 0)
      this.wrong(`${what}: ${found.length} bytes differ from the ${expected.length} expected`);
  }

  mustBe(what: string, found: number, expected: number): void {
    if (found !== expected) this.wrong(`${what}: ${found} instead of ${expected}`);
  }

  wrong(what: string): void {
    this.#findings.errors.push(what);
  }

  /** Text that presses well, or noise. */
  someInput(): Buffer {
    const bytes = this.noise.below(BYTES_MAX);
    if (this.noise.below(2) === 0) return this.noise.bytes(bytes);
    return Buffer.alloc(bytes, `line ${this.noise.below(1000)} of the text that nobody may touch. `);
  }
}

/** Each takes one or two requests through a bench. */
export const checks: readonly ((bench: Bench) => Promise<unknown>)[] = [
  (bench) => bench.submit('nop', { operation: 'nop' }),
  async (bench) => {
    const input = bench.someInput();
    await bench.expect('copy', { operation: 'copy', source: bench.range(0, input) }, input);
  },
  async (bench) => {
    const pattern = bench.noise.bytes(8);
    const destination = { ...bench.room(), bytes: bench.noise.below(BYTES_MAX) };
    await bench.submit('fill', { operation: 'fill', pattern, destination });
    const expected = Buffer.alloc(destination.bytes, destination.bytes > 0 ? pattern : 0);
    bench.same('fill', bench.read(destination, destination.bytes), expected);
  },
  async (bench) => {
    const input = bench.noise.bytes(1 + bench.noise.below(BYTES_MAX));
    const other = Buffer.from(input);
    const at = bench.noise.below(input.length);
    const isChanged = bench.noise.below(2) === 0;
    if (isChanged) other[at] = (other[at] as number) ^ 1;
    const source = bench.range(0, input);
    const { result, produced } = await bench.submit('compare', {
      operation: 'compare',
      source,
      auxiliary: bench.range(2, other),
    });
    bench.mustBe('compare', result, isChanged ? 1 : 0);
    if (isChanged) bench.mustBe('compare, where', produced, at);
  },
  async (bench) => {
    const input = bench.someInput();
    const { result } = await bench.submit('crc32', { operation: 'crc32', source: bench.range(0, input) });
    bench.mustBe('crc32', result >>> 0, crc32(input));
  },
  async (bench) => {
    const input = bench.someInput();
    const destination = bench.room();
    const source = bench.range(0, input);
    const session = bench.session('gzip');
    const { produced } = await bench.submit('gzip', {
      operation: 'gzip-compress',
      session,
      source,
      destination,
    });
    bench.same('gzip-compress', gunzipSync(bench.read(destination, produced)), input);
  },
  async (bench) => {
    const input = bench.someInput();
    const source = bench.range(0, gzipSync(input));
    const session = bench.session('gzip');
    await bench.expect('gzip', { operation: 'gzip-decompress', session, source }, input);
  },
  ...(['sha-256', 'sha-512'] as const).map((algorithm) => async (bench: Bench) => {
    const input = bench.someInput();
    const digest = createHash(algorithm.replace('-', '')).update(input).digest();
    await bench.expect(algorithm, { operation: algorithm, source: bench.range(0, input) }, digest);
  }),
  async (bench) => {
    const input = bench.someInput();
    const iv = bench.noise.bytes(12);
    const extra = bench.noise.bytes(bench.noise.below(100));
    const cipher = createCipheriv('aes-256-gcm', KEY, iv).setAAD(extra);
    const encrypted = Buffer.concat([cipher.update(input), cipher.final()]);
    const session = bench.session('aes-256-gcm');
    const auxiliary = bench.range(2, extra);
    const { tag } = await bench.expect(
      'aes-256-gcm',
      { operation: 'aes-256-gcm-encrypt', session, iv, auxiliary, source: bench.range(0, input) },
      encrypted,
    );
    bench.same('the tag', tag ?? Buffer.alloc(0), cipher.getAuthTag());
    await bench.expect(
      'aes-256-gcm',
      {
        operation: 'aes-256-gcm-decrypt',
        session,
        iv,
        auxiliary,
        tag: cipher.getAuthTag(),
        source: bench.range(0, encrypted),
      },
      input,
    );
  },
  async (bench) => {
    const input = bench.someInput();
    const iv = bench.noise.bytes(16);
    const cipher = createCipheriv('aes-256-cbc', KEY, iv);
    const encrypted = Buffer.concat([cipher.update(input), cipher.final()]);
    const session = bench.session('aes-256-cbc');
    const source = bench.range(0, input);
    await bench.expect('aes-256-cbc', { operation: 'aes-256-cbc-encrypt', session, iv, source }, encrypted);
    const decipher = createDecipheriv('aes-256-cbc', KEY, iv);
    const plain = Buffer.concat([decipher.update(encrypted), decipher.final()]);
    const request = { operation: 'aes-256-cbc-decrypt', session, iv } as const;
    await bench.expect('aes-256-cbc', { ...request, source: bench.range(0, encrypted) }, plain);
  },
];
