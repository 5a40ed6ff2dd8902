// Our contestant for what many idle neighbours cost. Arguments: runtime folder, what is measured (a name of `ways`).

import { setTimeout as sleep } from 'node:timers/promises';
import { type Completion, connect, type Connection } from 'warpdrive';
import { readPicture } from '../../src/cli/picture.ts';
import { holdChannels } from '../holders.ts';
import { cpuMillis, daemonPids, memoryBytes } from '../processes.ts';
import { bucketPercentile, median, percentile } from '../statistics.ts';
import { type Metrics, serveTurns } from '../turns.ts';

/** Of each idle channel. */
const SLOTS = 64;
const WAIT_MILLIS_MAX = 5_000;
/** Nops that are sent before something else has its turn, milliseconds. */
const BURST_MILLIS = 2;
/** Before memory is looked at: what is only garbage by then has been asked for to go. */
const SETTLE_MILLIS = 3_000;
/** Before idleness is measured: what was only just set up is not idle yet. */
const IDLE_SETTLE_MILLIS = 20_000;
const IDLE_WINDOWS = 9;

const [runtimeDir = '', way = ''] = process.argv.slice(2);

const ways: Readonly<Record<string, (connection: Connection, amount: number) => Promise<Metrics>>> = {
  'idle-cpu': measureIdleCpu,
  'queue-setup': measureSetup,
  'channel-memory': measureMemory,
  'loop-gaps': measureLoopGaps,
};
const measure = ways[way];
if (measure === undefined) throw new Error(`no way to measure is called "${way}"`);
const connection = await connect({ runtimeDir, slots: SLOTS, timeoutMillis: 60_000 });
const { channels } = await connection.status();
await serveTurns((amount) => measure(connection, amount), { channels: String(channels) });
await connection.close();
process.exit(0);

/**
 * What all processes of the daemon use while nobody wants anything, percent of a core: the median of some windows. Once in each
 * process, V8 takes a fraction of a second to collect what the set-up has left.
 */
async function measureIdleCpu(connection: Connection, millis: number): Promise<Metrics> {
  await sleep(IDLE_SETTLE_MILLIS);
  const pids = await daemonPids(connection);
  const windows: number[] = [];
  while (windows.length < IDLE_WINDOWS) {
    const beforeMillis = performance.now();
    const before = cpuMillis(pids);
    await sleep(millis);
    windows.push(((cpuMillis(pids) - before) / (performance.now() - beforeMillis)) * 100);
  }
  return { percent: median(windows), most: Math.max(...windows) };
}

/** From asking for a queue to the first completion on it. */
async function measureSetup(connection: Connection, count: number): Promise<Metrics> {
  const samples: number[] = [];
  const completions: Completion[] = [];
  for (let index = 0; index < count; index++) {
    const before = performance.now();
    const queue = await connection.requestQueue({ algorithm: 'nop' });
    queue.send({ operation: 'nop' });
    const received = queue.recvSync(completions, WAIT_MILLIS_MAX);
    samples.push(performance.now() - before);
    if (received !== 1) throw new Error(`${received} completions for one request`);
    await queue.release();
  }
  samples.sort((a, b) => a - b);
  return { p50: median(samples) * 1e3, p99: percentile(samples, 0.99) * 1e3 };
}

/** How long the engine leaves channels unvisited while it has requests, and calls that set up queues. */
async function measureLoopGaps(connection: Connection, millis: number): Promise<Metrics> {
  const queue = await connection.requestQueue({ algorithm: 'nop' });
  const completions: Completion[] = [];
  const gaps = async () => (await readPicture(runtimeDir, WAIT_MILLIS_MAX)).loop.gaps;
  const before = await gaps();
  const endMillis = performance.now() + millis;
  while (performance.now() < endMillis) {
    const setup = connection.requestQueue({ algorithm: 'crc32' });
    const burstEnd = performance.now() + BURST_MILLIS;
    while (performance.now() < burstEnd) {
      while (queue.send({ operation: 'nop' }));
      queue.recv(completions);
    }
    await (await setup).release();
  }
  while (queue.inFlight > 0) queue.recvSync(completions, WAIT_MILLIS_MAX);
  const after = await gaps();
  await queue.release();
  const during = after.map((count, index) => count - (before[index] ?? 0));
  return { p999: bucketPercentile(during, 0.999), p50: bucketPercentile(during, 0.5) };
}

/** What so many idle channels hold, their control connections included. */
async function measureMemory(connection: Connection, count: number): Promise<Metrics> {
  const pids = await daemonPids(connection);
  await sleep(SETTLE_MILLIS);
  const before = memoryBytes(pids);
  const holders = await holdChannels(runtimeDir, { channels: count, slots: SLOTS, queues: 0 });
  await sleep(SETTLE_MILLIS);
  const bytes = (memoryBytes(pids) - before) / count;
  await holders.end();
  return { bytes };
}
