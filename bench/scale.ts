// npm run bench -- scale: what a request costs, and what the daemon holds, beside 1 to 10,000 idle queues, channels and
// tenants. Neither may grow faster than what is held for each: a request costs the same however many are idle.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'warpdrive';
import { startContestant } from './contestant.ts';
import { type DaemonKind, startDaemon } from './daemon.ts';
import { drawGrowth, type Series } from './growth.ts';
import { type Crowd, holdChannels } from './holders.ts';
import { daemonPids, memoryBytes } from './processes.ts';
import { nodeProgram } from './programs.ts';
import { median } from './statistics.ts';
import { crowdTenant } from './tenants.ts';

const COUNTS = [1, 10, 100, 1_000, 10_000] as const;
const QUEUES_EACH_MAX = 100;
const SLOTS = 64;
/** A process of the daemon, and that of the clients, holds so many descriptors for each channel, and so many besides. */
const DESCRIPTORS_EACH = 3;
const DESCRIPTORS_BESIDES = 1_000;
const DESCRIPTORS_WANTED = 65_536;
const TURN_MILLIS = 300;
const TURNS = 7;
const WARM_UP_TURNS = 3;

interface Neighbours {
  readonly name: string;
  readonly daemon: DaemonKind;
  /** So many more, `from` of which are there. */
  readonly crowd: (more: number, from: number) => Crowd;
}

const kinds: readonly Neighbours[] = [
  {
    name: 'queues',
    daemon: 'auto',
    crowd: (more) =>
      more <= QUEUES_EACH_MAX
        ? { channels: 1, slots: SLOTS, queues: more }
        : { channels: more / QUEUES_EACH_MAX, slots: SLOTS, queues: QUEUES_EACH_MAX },
  },
  { name: 'channels', daemon: 'auto', crowd: (more) => ({ channels: more, slots: SLOTS, queues: 0 }) },
  {
    name: 'tenants',
    daemon: 'tenants',
    crowd: (more, from) => ({ channels: more, slots: SLOTS, queues: 1, firstTenant: from }),
  },
];

interface Growth {
  readonly neighbours: string;
  readonly count: number;
  /** Of one request, beside them. */
  readonly nanos: number;
  /** Of the daemon, more than with none of them. */
  readonly bytes: number;
}

export interface ScaleOptions {
  readonly folder: string;
  readonly svg: string | undefined;
  readonly json: string | undefined;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

/** Only root may look into the engine, and have more descriptors than usual. */
export async function measureScale({ folder, svg, json, signal, progress }: ScaleOptions): Promise<string> {
  if (process.getuid?.() !== 0) throw new Error('only root can measure this: run it as root');
  const channelsMax = raiseDescriptors();
  const growths: Growth[] = [];
  for (const kind of kinds)
    growths.push(...(await measureKind(kind, { folder, signal, progress, channelsMax })));
  if (svg !== undefined) writeFileSync(svg, drawGrowth(seriesOf(growths)));
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(growths, null, 2)}\n`);
  return formatGrowths(growths);
}

/** As many descriptors as this process may have, for all that it starts. Returns how many channels they are enough for. */
function raiseDescriptors(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const [, hard] = /^Max open files +\d+ +(\d+)/m.exec(limits) ?? [];
  const descriptors = Math.min(DESCRIPTORS_WANTED, Number(hard ?? DESCRIPTORS_WANTED));
  execFileSync('prlimit', ['--pid', String(process.pid), `--nofile=${descriptors}:${hard ?? descriptors}`]);
  return (descriptors - DESCRIPTORS_BESIDES) / DESCRIPTORS_EACH;
}

async function measureKind(
  { name, daemon: kind, crowd }: Neighbours,
  {
    folder,
    signal,
    progress,
    channelsMax,
  }: Pick<ScaleOptions, 'folder' | 'signal' | 'progress'> & { readonly channelsMax: number },
): Promise<Growth[]> {
  progress(`${name}: starting the daemon`);
  const daemon = await startDaemon(kind, folder);
  const { runtimeDir } = daemon;
  const held: { end(): Promise<void> }[] = [];
  const tenants = kind === 'tenants' ? [crowdTenant(0)] : [];
  const client = await startContestant(
    nodeProgram('./clients/nop.js', runtimeDir, 'batches', ...tenants),
    signal,
  );
  try {
    const connection = await connect({ runtimeDir });
    const pids = await daemonPids(connection);
    await connection.close();
    for (let turn = 0; turn < WARM_UP_TURNS; turn++) await client.turn(TURN_MILLIS);
    const before = memoryBytes(pids);
    const growths: Growth[] = [];
    for (const [index, count] of COUNTS.entries()) {
      progress(`${name}: ${count}`);
      const there = COUNTS[index - 1] ?? 0;
      const more = crowd(count - there, there);
      // Left out of table and picture: they tell what was measured.
      if (more.channels > channelsMax) break;
      held.push(await holdChannels(runtimeDir, more));
      const rates: number[] = [];
      for (let turn = 0; turn < TURNS; turn++) {
        const { rate } = await client.turn(TURN_MILLIS);
        rates.push(rate ?? Number.NaN);
      }
      growths.push({
        neighbours: name,
        count,
        nanos: 1e9 / median(rates),
        bytes: memoryBytes(pids) - before,
      });
    }
    return growths;
  } finally {
    await client.end();
    for (const holders of held) await holders.end();
    await daemon.stop();
  }
}

function seriesOf(growths: readonly Growth[]): { readonly costs: Series[]; readonly memory: Series[] } {
  const of = (value: (growth: Growth) => number): Series[] =>
    kinds.map(({ name }) => ({
      name,
      points: growths
        .filter(({ neighbours }) => neighbours === name)
        .map((growth) => [growth.count, value(growth)]),
    }));
  return { costs: of(({ nanos }) => nanos), memory: of(({ bytes }) => bytes / 1024 ** 2) };
}

function formatGrowths(growths: readonly Growth[]): string {
  const rows = growths.map(({ neighbours, count, nanos, bytes }) =>
    [
      neighbours.padEnd(10),
      String(count).padStart(6),
      nanos.toFixed(0).padStart(12),
      (bytes / 1024 ** 2).toFixed(1).padStart(12),
      (bytes / 1024 / count).toFixed(1).padStart(12),
    ].join(' '),
  );
  const heading = `${'idle'.padEnd(10)} ${'number'.padStart(6)} ${'ns a request'.padStart(12)} ${'MiB held'.padStart(12)} ${'KiB of each'.padStart(12)}`;
  return `${[heading, ...rows].join('\n')}\n`;
}
