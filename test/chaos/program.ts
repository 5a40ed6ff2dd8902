// What a client runs on one connection: requests through `send` and `recv`, each on a lane of its own, many in flight
// at once; completions are reaped soon, or left in the channel while processes die.

import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Completion,
  connect,
  type Connection,
  type Queue,
  type Region,
} from '../../src/client/index.ts';
import {
  type Job,
  jobMakers,
  LANE_BYTES,
  type QueueKind,
  queueKinds,
  type Sessions,
  sessionKinds,
} from './jobs.ts';
import type { Tally } from './messages.ts';
import type { Random } from './random.ts';
import { isPoisoned, settle } from './tally.ts';

const LANES = 32;
const SLOTS = 64;
/** How long a call may take: a process that hangs is replaced after two seconds, and others may die meanwhile. */
const CALL_MILLIS_MAX = 30_000;
/** Since the last completion, milliseconds. */
const COMPLETION_MILLIS_MAX = 40_000;

/** Between two looks for completions, milliseconds. */
const REST_MILLIS_MIN = 1;
const REST_MILLIS_MAX = 10;

export const connectOptions = { slots: SLOTS, timeoutMillis: CALL_MILLIS_MAX, reconnectMillis: 60_000 };

interface Sent {
  readonly job: Job;
  readonly lane: number;
  readonly sentMillis: number;
}

export class Program {
  readonly connection: Connection;
  readonly sessions: Sessions;
  readonly #region: Region;
  readonly #queues: ReadonlyMap<QueueKind, Queue>;
  readonly #tally: Tally;
  readonly #random: Random;
  /** Whether completions are to stay where they are. */
  readonly #isHeld: () => boolean;
  readonly #freeLanes = Array.from({ length: LANES }, (_, lane) => lane);
  /** By cookie: what was sent and has no completion. */
  readonly #inFlight = new Map<number, Sent>();
  readonly #into: Completion[] = [];
  #nextCookie = 1;
  #lastMillis = performance.now();

  static async open(
    runtimeDir: string,
    {
      tally,
      random,
      isHeld,
    }: { readonly tally: Tally; readonly random: Random; readonly isHeld: () => boolean },
  ): Promise<Program> {
    const connection = await connect({ runtimeDir, ...connectOptions });
    tally.channels += 1;
    const region = await connection.share(LANES * LANE_BYTES);
    const queues = new Map<QueueKind, Queue>();
    for (const kind of Object.keys(queueKinds) as QueueKind[])
      queues.set(kind, await connection.requestQueue(queueKinds[kind]));
    const open = (kind: keyof Sessions) => (queues.get(kind) as Queue).openSession(sessionKinds[kind]);
    const sessions = { gzip: await open('gzip'), cbc: await open('cbc'), gcm: await open('gcm') };
    return new Program({ connection, region, queues, sessions, tally, random, isHeld });
  }

  private constructor(parts: {
    readonly connection: Connection;
    readonly region: Region;
    readonly queues: ReadonlyMap<QueueKind, Queue>;
    readonly sessions: Sessions;
    readonly tally: Tally;
    readonly random: Random;
    readonly isHeld: () => boolean;
  }) {
    this.connection = parts.connection;
    this.sessions = parts.sessions;
    this.#region = parts.region;
    this.#queues = parts.queues;
    this.#tally = parts.tally;
    this.#random = parts.random;
    this.#isHeld = parts.isHeld;
  }

  /** Works until it is told to end; then all that was sent has completed. False if the channel was poisoned. */
  async run(isToEnd: () => boolean): Promise<boolean> {
    try {
      while (!isToEnd()) {
        this.#send();
        await this.#rest();
        this.#receive();
      }
      while (this.#inFlight.size > 0) {
        await this.#rest();
        this.#receive();
      }
      return true;
    } catch (error) {
      if (!isPoisoned(error)) throw error;
      // All that was in flight has been given a code.
      this.#receive();
      if (this.#inFlight.size > 0)
        throw new Error(`${this.#inFlight.size} requests of a poisoned channel got no completion`, {
          cause: error,
        });
      return false;
    }
  }

  async #rest(): Promise<void> {
    do await sleep(this.#random.within(REST_MILLIS_MIN, REST_MILLIS_MAX));
    while (this.#isHeld());
  }

  /** As many as there are lanes and room. A lane is filled right before its request is sent, or not sent. */
  #send(): void {
    const random = this.#random;
    for (let tries = this.#freeLanes.length; tries > 0; tries--) {
      const lane = this.#freeLanes.at(-1) as number;
      const offset = lane * LANE_BYTES;
      const bytes = this.#region.buffer.subarray(offset, offset + LANE_BYTES);
      const place = { lane: bytes, region: this.#region, offset, sessions: this.sessions, random };
      const job = random.pick(jobMakers)(place);
      const cookie = this.#nextCookie;
      const request = Object.assign(job.request, { cookie });
      const sentMillis = Date.now();
      if (!(this.#queues.get(job.queue) as Queue).send(request)) continue;
      this.#nextCookie += 1;
      this.#freeLanes.pop();
      if (this.#inFlight.size === 0) this.#lastMillis = performance.now();
      this.#inFlight.set(cookie, { job, lane, sentMillis });
    }
  }

  #receive(): void {
    for (const [kind, queue] of this.#queues) {
      const count = queue.recv(this.#into);
      for (const completion of this.#into.slice(0, count)) this.#settle(kind, completion);
    }
    const waitedMillis = performance.now() - this.#lastMillis;
    if (this.#inFlight.size === 0 || waitedMillis < COMPLETION_MILLIS_MAX) return;
    const left = [...this.#inFlight.values()].map(({ job }) => `${job.request.operation} on ${job.queue}`);
    throw new Error(`no completion for ${Math.round(waitedMillis)} ms: ${left.join(', ')}`);
  }

  #settle(kind: QueueKind, completion: Completion): void {
    const sent = this.#inFlight.get(completion.cookie);
    if (sent === undefined || sent.job.queue !== kind)
      throw new Error(`a completion of ${kind} that no request waits for: cookie ${completion.cookie}`);
    this.#inFlight.delete(completion.cookie);
    settle(this.#tally, sent.job, completion, sent.sentMillis);
    this.#freeLanes.push(sent.lane);
    this.#lastMillis = performance.now();
  }

  /** Gives some things back by themselves, the rest with the connection. */
  async close(): Promise<void> {
    if (this.#random.happens(0.5)) {
      for (const queue of this.#queues.values()) await queue.release();
      await this.sessions.gzip.release();
      await this.#region.release();
    }
    await this.connection.close();
  }
}
