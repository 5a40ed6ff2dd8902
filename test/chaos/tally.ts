// A client's account: each request that has completed passes through here, and is checked.

import { type Completion, type Queue, WarpError } from '../../src/client/index.ts';
import type { Job } from './jobs.ts';
import type { Tally } from './messages.ts';
import { LANE_BYTES } from './jobs.ts';

/** What may become of a request while processes die. Everything else is a defect. */
const codes: ReadonlySet<string> = new Set(['OK', 'INTERRUPTED', 'DEVICE_RESET']);

export function emptyTally(): Tally {
  return {
    requests: 0,
    inPlace: 0,
    codes: {},
    losses: [],
    bytesCompared: 0,
    calls: 0,
    callsRefused: 0,
    channels: 0,
    poisoned: 0,
  };
}

type Outcome = Pick<Completion, 'code' | 'ran'>;

/** Notes what has become of a request, and compares. Throws what is wrong. */
export function settle(tally: Tally, job: Job, completion: Completion, sentMillis: number): void {
  const { code, ran } = completion satisfies Outcome;
  if (!codes.has(code)) throw new Error(`${job.request.operation} on ${job.queue} ended as ${code}`);
  job.check(completion);
  tally.requests += 1;
  if (job.isInPlace) tally.inPlace += 1;
  tally.codes[code] = (tally.codes[code] ?? 0) + 1;
  tally.bytesCompared += LANE_BYTES;
  if (code === 'INTERRUPTED' && ran === 'maybe')
    tally.losses.push({ sentMillis, completedMillis: Date.now() });
}

/** The same for a request with a promise. Rejects as POISONED where the connection is over. */
export async function submit(tally: Tally, queue: Queue, job: Job): Promise<void> {
  const sentMillis = Date.now();
  const completion = await queue.submit(job.request).catch((error: unknown): Completion => {
    if (!(error instanceof WarpError) || !codes.has(error.code)) throw error;
    return {
      status: 1,
      code: error.code,
      produced: 0,
      result: 0,
      deviceNanos: 0,
      cookie: 0,
      ran: error.ran ?? 'yes',
      tag: undefined,
    };
  });
  settle(tally, job, completion, sentMillis);
}

/** Whether the daemon has ended the channel since a request of it was running at two crashes. */
export function isPoisoned(error: unknown): boolean {
  return error instanceof WarpError && error.code === 'POISONED';
}
