// What the helpers of one connection have in common: an arena of shared memory, a queue for each algorithm and a
// session for each compression level, all obtained when first needed and kept until the connection ends.
//
//     input --copy--> arena --request--> device --> arena --copy--> fresh Buffer
//
// The helpers' requests are pure: their ranges belong to nobody else. So one that was lost with its device or
// engine is repeated, a few times.

import { assert } from '../../shared/assert.ts';
import { type ErrorCode, WarpError } from '../../shared/errors.ts';
import type { AlgorithmName, OperationName } from '../../shared/operations.ts';
import type { Connection } from '../connection.ts';
import type { Queue } from '../queue.ts';
import type { Completion, Request } from '../request.ts';
import type { Session } from '../session.ts';
import { Arena, type Lease } from './arena.ts';

/** 16 MiB: sixteen blocks of the largest size in flight, or one hash of nearly as much. Untouched pages cost nothing. */
const ARENA = { blocks: 1024, blockBytes: 16 * 1024 };

/** Outputs begin on a cache line of their own. */
const ALIGNMENT_BYTES = 64;

/** A request that fails so often in a row is likely to be the cause of it. */
const REPEATS_MAX = 3;
const repeatable: ReadonlySet<ErrorCode> = new Set(['INTERRUPTED', 'DEVICE_RESET']);

/** One piece of work for a device. */
export interface Job<Result> {
  readonly operation: OperationName;
  readonly input: Uint8Array;
  /** GCM's additional authenticated data. */
  readonly auxiliary?: Uint8Array;
  /** Room for the output, bytes. */
  readonly outputBytes: number;
  readonly session?: Session;
  readonly parameters?: Pick<Request, 'iv' | 'tag'>;
  /** Its memory is wiped afterwards. */
  readonly isSecret?: boolean;
  /** Makes the result of the output, which is shared memory and gone after that. */
  read(output: Buffer, completion: Completion): Result;
}

const runners = new WeakMap<Connection, Runner>();

export function runnerOf(connection: Connection): Runner {
  let runner = runners.get(connection);
  if (runner === undefined) {
    runner = new Runner(connection);
    runners.set(connection, runner);
  }
  return runner;
}

export class Runner {
  readonly #connection: Connection;
  readonly #arena: Arena;
  readonly #queues = new Map<AlgorithmName, Promise<Queue>>();
  readonly #levelSessions = new Map<string, Promise<Session>>();

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#arena = new Arena((bytes) => connection.share(bytes), ARENA);
  }

  /** The queue for an algorithm; undefined if the daemon has no device for it. */
  async queue(algorithm: AlgorithmName): Promise<Queue | undefined> {
    try {
      return await once(this.#queues, algorithm, () => this.#connection.requestQueue({ algorithm }));
    } catch (error) {
      if (error instanceof WarpError && error.code === 'NO_SUCH_ALGORITHM') return undefined;
      throw error;
    }
  }

  levelSession(queue: Queue, level: number): Promise<Session> {
    return once(this.#levelSessions, `${queue.algorithm} ${level}`, () => queue.openSession({ level }));
  }

  /** Whether a request of this size can be had: within the tenant's limits and the arena. */
  fits(queue: Queue, inputBytes: number, outputBytes: number): boolean {
    const largest = Math.max(inputBytes, outputBytes);
    const total = aligned(inputBytes) + aligned(outputBytes);
    return largest <= queue.requestBytesMax && total <= this.#arena.bytesMax;
  }

  /** Runs a job that `fits`. Throws what its request fails with, after some repetitions where that may help. */
  async run<Result>(queue: Queue, job: Job<Result>): Promise<Result> {
    for (let repeats = 0; ; repeats++) {
      try {
        return await this.#runOnce(queue, job);
      } catch (error) {
        if (repeats === REPEATS_MAX || !isCode(error, repeatable)) throw error;
      }
    }
  }

  async #runOnce<Result>(queue: Queue, job: Job<Result>): Promise<Result> {
    const auxiliaryBytes = job.auxiliary?.length ?? 0;
    const outputAt = aligned(job.input.length + auxiliaryBytes);
    const lease = await this.#arena.take(Math.max(1, outputAt + job.outputBytes));
    let isStillWritten = false;
    try {
      const completion = await queue.submit(requestOf(job, lease, outputAt));
      assert(completion.produced <= job.outputBytes, 'a device keeps to the room that it was given');
      return job.read(lease.view(outputAt, completion.produced), completion);
    } catch (error) {
      // The engine is gone, but perhaps not yet the device that was at work.
      isStillWritten = error instanceof WarpError && error.code === 'INTERRUPTED';
      throw error;
    } finally {
      if (job.isSecret === true) lease.view(0, lease.bytes).fill(0);
      if (isStillWritten) lease.abandon();
      else lease.release();
    }
  }
}

/** Puts the inputs into the lease and writes the request for it. */
function requestOf(job: Job<unknown>, lease: Lease, outputAt: number): Request {
  const { operation, input, auxiliary, session, outputBytes, parameters } = job;
  const request: Request = { operation, ...parameters };
  if (session !== undefined) request.session = session;
  if (outputBytes > 0) request.destination = lease.range(outputAt, outputBytes);
  if (input.length > 0) {
    lease.view(0, input.length).set(input);
    request.source = lease.range(0, input.length);
  }
  if (auxiliary !== undefined && auxiliary.length > 0) {
    lease.view(input.length, auxiliary.length).set(auxiliary);
    request.auxiliary = lease.range(input.length, auxiliary.length);
  }
  return request;
}

export function isCode(error: unknown, codes: ReadonlySet<ErrorCode>): boolean {
  return error instanceof WarpError && codes.has(error.code);
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
}

/** Makes a thing when it is first wanted; one that could not be made is tried again the next time. */
function once<Key, Value>(
  made: Map<Key, Promise<Value>>,
  key: Key,
  make: () => Promise<Value>,
): Promise<Value> {
  let value = made.get(key);
  if (value === undefined) {
    value = make();
    made.set(key, value);
    value.catch(() => made.delete(key));
  }
  return value;
}
