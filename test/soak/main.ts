// npm run test:soak: thousands of clients come and go, some by being killed, and every process of the daemon ends with
// the descriptors, mappings and memory that it began with.

import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { startDaemon } from '../fixtures/daemon.ts';
import { childrenOf } from '../fixtures/processes.ts';
import { growth, mebibytes } from './limits.ts';
import { allRounds, type Rounds } from './rounds.ts';
import { type Usage, usageOf } from '../fixtures/usage.ts';

const CONFIGURATION = '[devices.soft0]\ndriver = "soft"\nqueues = 1\n';
/** Less garbage that waits, so that less of it looks like a leak. */
const HEAP_OPTIONS = '--max-semi-space-size=1';
/** Rounds before the first look: what is allocated once has been by then. */
const WARM_UP_SHARE = 0.05;
const WARM_UP_SHARE_SHORT = 0.25;
/** What is taken back late, after a second or so, milliseconds; and what the garbage collector may wait for. */
const SETTLE_MILLIS_MAX = 60_000;
const POLL_MILLIS = 250;

const { short } = new Command('npm run test:soak --')
  .description('Shares, opens and kills thousands of times; no process of the daemon may have grown.')
  .option('--short', 'some hundred rounds, for every day', false)
  .parse()
  .opts<{ short: boolean }>();

if (process.getuid?.() !== 0) {
  process.stderr.write('soak: only root may look into the processes of the daemon; run it as root\n');
  process.exit(1);
}
process.env['NODE_OPTIONS'] = HEAP_OPTIONS;
const daemon = await startDaemon(CONFIGURATION, { logLevel: 'warn' });
delete process.env['NODE_OPTIONS'];
try {
  for (const rounds of allRounds) await soak(rounds);
} catch (error) {
  process.stderr.write(`\nsoak: ${(error as Error).message}\n${daemon.log().slice(-4_000)}`);
  process.exitCode = 1;
} finally {
  await daemon.stop();
}

function usages(): Map<string, Usage> {
  const { pids } = daemon;
  const workers = childrenOf(pids['engine'] as number).map((pid, index) => [`worker ${index}`, pid] as const);
  return new Map([...Object.entries(pids), ...workers].map(([name, pid]) => [name, usageOf(pid)]));
}

async function soak(rounds: Rounds): Promise<void> {
  const count = short ? rounds.shortCount : rounds.count;
  const warmUp = Math.ceil(count * (short ? WARM_UP_SHARE_SHORT : WARM_UP_SHARE));
  await run(rounds, warmUp, 'warming up');
  const before = await settled();
  await run(rounds, count, `${count}`);
  const after = await noMoreThan(before);
  process.stdout.write(`${count} ${rounds.name}\n`);
  for (const [name, usage] of after) {
    const { ownBytes, sharedBytes, mappings, descriptors } = usage;
    const first = before.get(name) as Usage;
    const open = [...descriptors.values()].reduce((sum, one) => sum + one, 0);
    process.stdout.write(
      `  ${name.padEnd(10)} ${open} descriptors, ${mappings} mappings, shared ${mebibytes(sharedBytes)} MiB,` +
        ` own ${mebibytes(first.ownBytes)} -> ${mebibytes(ownBytes)} MiB\n`,
    );
  }
}

async function run(rounds: Rounds, count: number, what: string): Promise<void> {
  let finished = 0;
  await rounds.run(daemon.runtimeDir, count, () => {
    finished += 1;
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${rounds.name}: ${finished} (${what})`);
  });
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[2K');
}

/** Resolves when two looks in a row see the same descriptors and mappings. */
async function settled(): Promise<Map<string, Usage>> {
  for (let last = usages(); ; ) {
    await sleep(POLL_MILLIS * 4);
    const now = usages();
    if ([...now].every(([name, usage]) => isSame(last.get(name), usage))) return now;
    last = now;
  }
}

function isSame(a: Usage | undefined, b: Usage): boolean {
  if (a === undefined || a.mappings !== b.mappings || a.sharedBytes !== b.sharedBytes) return false;
  return JSON.stringify([...a.descriptors]) === JSON.stringify([...b.descriptors]);
}

/** Resolves when nothing is more than it was; rejects with what is. */
async function noMoreThan(before: ReadonlyMap<string, Usage>): Promise<Map<string, Usage>> {
  const endMillis = performance.now() + SETTLE_MILLIS_MAX;
  for (;;) {
    const now = usages();
    const grown = [...now].flatMap(([name, usage]) => {
      const first = before.get(name);
      return first === undefined
        ? [`${name} is new`]
        : growth(first, usage).map((what) => `${name}: ${what}`);
    });
    if (grown.length === 0) return now;
    if (performance.now() > endMillis) throw new Error(`grown:\n${grown.join('\n')}`);
    await sleep(POLL_MILLIS);
  }
}
