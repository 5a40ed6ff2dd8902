// One client process of the demo: connects, then does what it is told over all its files, one step at a time. It
// ends when the demo hangs up.

import { randomBytes } from 'node:crypto';
import { type Completion, type Connection, connect, type Queue } from '../src/client/index.ts';
import { DeviceCipher } from './ciphers.ts';
import { collectInputs } from './files.ts';
import type { Answer, RoundTrips, Step, Task } from './messages.ts';
import { type Bench, type Item, type Operation, operations } from './operations.ts';

/** Files under way at once: more than one, so that the device has work while a result is copied. */
const FILES_AT_ONCE = 8;
/** The first ones wait for compilers and caches, whoever does them. */
const WARM_UP_FILES = 16;
const ROUND_TRIPS_MAX = 50_000;
/** Both bounded: on a busy machine a round trip can take a thousand times as long, milliseconds. */
const WARM_UP_MILLIS = 200;
const PING_MILLIS = 1_000;
const ROUND_TRIP_MILLIS_MAX = 5_000;

// Signals of a terminal go to all its processes: the demo ends its clients, in order.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
process.on('disconnect', () => process.exit(1));

/** When the demo has hung up, there is nobody to hear that. */
function answer(message: Answer): void {
  if (process.connected) process.send?.(message, () => {});
}

function answerFailure(error: unknown): void {
  answer({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
}

const [runtimeDir = '', bytes, client, clients] = process.argv.slice(2);
try {
  const items = collectInputs(Number(bytes), Number(client), Number(clients)).map(createItem);
  const bench = await openBench(await connect({ runtimeDir }), items);
  process.on('message', (task: Task) => {
    perform(bench, items, task).then(answer, answerFailure);
  });
  const total = items.reduce((sum, { data }) => sum + data.length, 0);
  answer({ type: 'ready', files: items.length, bytes: total });
} catch (error) {
  answerFailure(error);
}

function createItem({ name, data }: { readonly name: string; readonly data: Buffer }): Item {
  return {
    name,
    data,
    gcmIv: randomBytes(12),
    cbcIv: randomBytes(16),
    aad: Buffer.from(name),
    results: new Map(),
  };
}

async function openBench(connection: Connection, items: readonly Item[]): Promise<Bench> {
  const key = randomBytes(32);
  // What CBC made of an input is an input of its decryption.
  const inputBytesMax = Math.max(...items.map(({ data }) => data.length)) + 16;
  const options = { key, lanes: FILES_AT_ONCE, inputBytesMax };
  const ciphers = {
    'aes-256-gcm': await DeviceCipher.open(connection, 'aes-256-gcm', options),
    'aes-256-cbc': await DeviceCipher.open(connection, 'aes-256-cbc', options),
  };
  return { connection, key, ciphers };
}

async function perform(bench: Bench, items: readonly Item[], task: Task): Promise<Answer> {
  if (task.type === 'ping')
    return { type: 'round-trips', roundTrips: await measureRoundTrips(bench.connection) };
  const operation = operations.find(({ name }) => name === task.operation);
  if (operation === undefined) throw new Error(`there is no operation "${task.operation}"`);
  return { type: 'done', ranOn: await takers[task.step](operation, items, bench) };
}

type RanOn = Readonly<Record<string, number>>;

const takers: Readonly<
  Record<Step, (operation: Operation, items: readonly Item[], bench: Bench) => RanOn | Promise<RanOn>>
> = {
  'warm-up': async (operation, items, bench) => {
    const some = items.slice(0, WARM_UP_FILES);
    await runOurs(operation, some, bench);
    for (const item of some) operation.alone(bench, item);
    return {};
  },
  ours: runOurs,
  alone: (operation, items, bench) => {
    for (const item of items) item.results.set(`${operation.name} alone`, operation.alone(bench, item));
    return {};
  },
  compare: (operation, items) => {
    for (const item of items) {
      if (!operation.isRight(item))
        throw new Error(`${operation.title} of ${item.name}: the result differs from node's`);
    }
    return {};
  },
};

async function runOurs(operation: Operation, items: readonly Item[], bench: Bench): Promise<RanOn> {
  const ranOn: Record<string, number> = {};
  const waiting = items.values();
  const work = async (lane: number): Promise<void> => {
    for (const item of waiting) {
      const { device, ...result } = await operation.ours(bench, item, lane);
      item.results.set(`${operation.name} ours`, result);
      ranOn[device] = (ranOn[device] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: FILES_AT_ONCE }, (_, lane) => work(lane)));
  return ranOn;
}

async function measureRoundTrips(connection: Connection): Promise<RoundTrips> {
  const queue = await connection.requestQueue({ algorithm: 'nop' });
  timeRoundTrips(queue, WARM_UP_MILLIS);
  const micros = timeRoundTrips(queue, PING_MILLIS).sort();
  await queue.release();
  const at = (share: number): number => micros[Math.floor((micros.length - 1) * share)] ?? 0;
  return { count: micros.length, minMicros: at(0), medianMicros: at(0.5), p99Micros: at(0.99) };
}

/** Microseconds of each round trip, for so long or so many. */
function timeRoundTrips(queue: Queue, millis: number): Float64Array {
  const micros = new Float64Array(ROUND_TRIPS_MAX);
  const completions: Completion[] = [];
  const request = { operation: 'nop' } as const;
  const endMillis = performance.now() + millis;
  let count = 0;
  while (count < ROUND_TRIPS_MAX) {
    const startMillis = performance.now();
    if (startMillis > endMillis) break;
    if (!queue.send(request) || queue.recvSync(completions, ROUND_TRIP_MILLIS_MAX) === 0)
      throw new Error(`the null device did not answer within ${ROUND_TRIP_MILLIS_MAX} ms`);
    micros[count] = (performance.now() - startMillis) * 1000;
    count += 1;
  }
  return micros.subarray(0, count);
}
