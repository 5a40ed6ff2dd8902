// Our contestant on the null device, whose requests do nothing: what is measured is the way there and back.
// Arguments: runtime folder, how (a name of `ways`), tenant if it has to be declared.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Completion, connect, type Queue, type Request } from 'warpdrive';
import { type Contestant, startContestant } from '../contestant.ts';
import { fallAsleep } from '../pause.ts';
import { nodeProgram } from '../programs.ts';
import { latencyOf } from '../statistics.ts';
import { type Metrics, serveTurns } from '../turns.ts';

const DEPTH = 256;
/** Batches between two looks at the clock. */
const BATCHES_PER_LOOK = 64;
const SAMPLES_MAX = 500_000;
const WAKE_MILLIS_MAX = 5_000;

/** What keeps the soft device busy, and how long before anything is measured. */
const LOAD = ['gzip-compress', '65536'] as const;
const LOAD_AHEAD_MILLIS = 200;

let load: Contestant | undefined;
/** Each has a cookie of its own, as a program would give it one. */
const nop: Request & { cookie: number } = { operation: 'nop', cookie: 0 };
const COOKIES = 2 ** 30;
const completions: Completion[] = [];

const ways: Readonly<Record<string, (queue: Queue, amount: number) => Metrics | Promise<Metrics>>> = {
  'round-trips': measureRoundTrips,
  'busy-round-trips': measureBusyRoundTrips,
  batches: measureBatches,
  promises: measurePromises,
  'wake-ups': measureWakeUps,
};

const [runtimeDir = '', way = '', tenant] = process.argv.slice(2);
const measure = ways[way];
if (measure === undefined) throw new Error(`no way to measure is called "${way}"`);
const connection = await connect({ runtimeDir, slots: DEPTH, ...(tenant === undefined ? {} : { tenant }) });
const queue = await connection.requestQueue({ algorithm: 'nop', mode: 'shared', depth: DEPTH });
await serveTurns((amount) => measure(queue, amount));
await connection.close();
await load?.end();

/** One request at a time, spinning for its completion; for so long, or until there are samples enough. */
function measureRoundTrips(queue: Queue, millis: number): Metrics {
  const samples = new Float64Array(SAMPLES_MAX);
  const end = performance.now() + millis;
  let count = 0;
  for (let before = 0; count < SAMPLES_MAX && before < end; count++) {
    before = performance.now();
    nop.cookie = count;
    queue.send(nop);
    while (queue.recv(completions, 1) === 0);
    samples[count] = performance.now() - before;
  }
  checkStatus();
  return { ...latencyOf(samples.subarray(0, count)) };
}

/** The same beside a process that keeps the soft device busy. */
async function measureBusyRoundTrips(queue: Queue, millis: number): Promise<Metrics> {
  const program = nodeProgram('./clients/blocks.js', runtimeDir, ...LOAD);
  load ??= await startContestant(program, new AbortController().signal);
  const loaded = load.turn(millis + 2 * LOAD_AHEAD_MILLIS);
  await sleep(LOAD_AHEAD_MILLIS);
  const metrics = measureRoundTrips(queue, millis);
  await loaded;
  return metrics;
}

/** As many as fit in flight; sent and reaped in batches. */
function measureBatches(queue: Queue, millis: number): Metrics {
  const before = performance.now();
  let reaped = 0;
  let batches = 0;
  do {
    while (queue.send(nop)) nop.cookie = (nop.cookie + 1) % COOKIES;
    reaped += queue.recv(completions);
  } while (++batches % BATCHES_PER_LOOK !== 0 || performance.now() - before < millis);
  while (queue.inFlight > 0) reaped += queue.recv(completions);
  checkStatus();
  return { rate: (reaped / (performance.now() - before)) * 1e3 };
}

/** As many promises as fit in flight. */
async function measurePromises(queue: Queue, millis: number): Promise<Metrics> {
  const before = performance.now();
  const end = before + millis;
  let done = 0;
  let isTimeUp = false;
  const runLane = async (): Promise<void> => {
    while (!isTimeUp) {
      await queue.submit(nop);
      if (++done % DEPTH === 0) isTimeUp = performance.now() >= end;
    }
  };
  await Promise.all(Array.from({ length: DEPTH }, runLane));
  return { rate: (done / (performance.now() - before)) * 1e3 };
}

/** One request at a time, after a pause in which client and engine fall asleep. */
async function measureWakeUps(queue: Queue, roundTrips: number): Promise<Metrics> {
  const samples = new Float64Array(roundTrips);
  for (let index = 0; index < roundTrips; index++) {
    await fallAsleep();
    const before = performance.now();
    queue.send(nop);
    const received = queue.recvSync(completions, WAKE_MILLIS_MAX);
    samples[index] = performance.now() - before;
    if (received !== 1) throw new Error(`${received} completions for one request`);
  }
  checkStatus();
  return { ...latencyOf(samples) };
}

function checkStatus(): void {
  const failed = completions.find(({ status }) => status !== 0);
  if (failed !== undefined) throw new Error(`a nop completed as ${failed.code}`);
}
