// Control calls beside a program's requests, on its connection and on others of their own: what is open is asked for
// anew, used and given back while processes die.

import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Connection, WarpError } from '../../src/client/index.ts';
import { jobMakers, LANE_BYTES, type QueueKind, queueKinds, sessionKinds, type Sessions } from './jobs.ts';
import type { Tally } from './messages.ts';
import type { Program } from './program.ts';
import { connectOptions } from './program.ts';
import type { Random } from './random.ts';
import { isPoisoned, submit } from './tally.ts';

/** What a question about the daemon fails with while a process is being started again; it is for the caller to repeat. */
const passing: ReadonlySet<string> = new Set(['NO_DAEMON', 'ENGINE_UNAVAILABLE']);
const REQUESTS = 4;

interface Errands {
  readonly runtimeDir: string;
  readonly program: Program;
  readonly tally: Tally;
  readonly random: Random;
}

/** One after the other until it is told to end, or the channel was poisoned. */
export async function runErrands(errands: Errands, isToEnd: () => boolean): Promise<void> {
  const { random } = errands;
  while (!isToEnd()) {
    try {
      await random.pick(kinds)(errands);
    } catch (error) {
      // Of the program's channel, or of one of its own.
      if (!isPoisoned(error)) throw error;
      await sleep(random.within(10, 50));
    }
    await sleep(random.within(5, 100));
  }
}

async function ask({ tally }: Errands, question: () => Promise<unknown>): Promise<void> {
  try {
    await question();
    tally.calls += 1;
  } catch (error) {
    if (!(error instanceof WarpError) || !passing.has(error.code)) throw error;
    tally.callsRefused += 1;
  }
}

/** Requests through promises, on a region and a queue that are there for them only. */
async function visit({ tally, random, program }: Errands, connection: Connection): Promise<void> {
  const region = await connection.share(REQUESTS * LANE_BYTES);
  const kind = random.pick(Object.keys(queueKinds) as QueueKind[]);
  const queue = await connection.requestQueue(queueKinds[kind]);
  const sessionKind = kind in sessionKinds ? (kind as keyof Sessions) : undefined;
  const session = sessionKind === undefined ? undefined : await queue.openSession(sessionKinds[sessionKind]);
  const sessions: Sessions =
    session === undefined ? program.sessions : { gzip: session, cbc: session, gcm: session };
  const jobs = Array.from({ length: REQUESTS }, (_, lane) => {
    const offset = lane * LANE_BYTES;
    const bytes = region.buffer.subarray(offset, offset + LANE_BYTES);
    const place = { lane: bytes, region, offset, sessions, random };
    for (;;) {
      const job = random.pick(jobMakers)(place);
      if (job.queue === kind) return job;
    }
  });
  const outcomes = await Promise.allSettled(jobs.map((job) => submit(tally, queue, job)));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  tally.calls += 3;
  if (session !== undefined) await session.release();
  await queue.release();
  await region.release();
}

const kinds: readonly ((errands: Errands) => Promise<void>)[] = [
  (errands) => ask(errands, () => errands.program.connection.status()),
  (errands) => ask(errands, () => errands.program.connection.devices()),
  (errands) => ask(errands, () => errands.program.connection.queues()),
  (errands) => visit(errands, errands.program.connection),
  (errands) => visit(errands, errands.program.connection),
  async (errands) => {
    const connection = await connect({ runtimeDir: errands.runtimeDir, ...connectOptions });
    errands.tally.channels += 1;
    try {
      await visit(errands, connection);
    } catch (error) {
      if (!isPoisoned(error)) throw error;
      errands.tally.poisoned += 1;
    } finally {
      await connection.close();
    }
  },
];
