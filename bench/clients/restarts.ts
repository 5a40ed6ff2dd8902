// Our contestant that kills: a process of the daemon, again and again, while something that needs it is asked for all
// the time. A gap is the longest time without an answer around a death of one whose standby is there.
// Arguments: runtime folder, role.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, connect, WarpError } from 'warpdrive';
import { present } from '../../src/shared/assert.ts';
import { type DaemonRole, daemonRoles, findRole } from '../../test/fixtures/processes.ts';
import { parentOf } from '../processes.ts';
import { percentile } from '../statistics.ts';
import { type Metrics, serveTurns } from '../turns.ts';

/** How long the one that takes over is watched; one that has served for so long may die again. Milliseconds. */
const SETTLED_MILLIS = 1_300;
/** Between two looks at who serves as the role, milliseconds. */
const LOOK_MILLIS = 20;
const REFUSED_PAUSE_MILLIS = 5;
const options = { slots: 4, timeoutMillis: 30_000 };

type Ask = () => Promise<unknown>;

/** What is asked for all the time, by the role that it needs. */
const roles: Readonly<Record<DaemonRole, (connection: Connection) => Promise<Ask>>> = {
  engine: async (connection) => {
    const queue = await connection.requestQueue({ algorithm: 'nop' });
    return () => queue.submit({ operation: 'nop' });
  },
  broker: async (connection) => () => connection.status(),
  // Who connects has to be identified.
  custodian: async () => async () => (await connect({ runtimeDir, ...options })).close(),
};

const [runtimeDir = '', name = ''] = process.argv.slice(2);
const role = present(
  daemonRoles.find((known) => known === name),
  `role "${name}"`,
);
const supervisor = parentOf(servingPid());
const connection = await connect({ runtimeDir, ...options });
const ask = await roles[role](connection);
await serveTurns(measureGaps);
await connection.close();
process.exit(0);

async function measureGaps(kills: number): Promise<Metrics> {
  const gapMillis: number[] = [];
  while (gapMillis.length < kills) gapMillis.push(await measureGap());
  gapMillis.sort((a, b) => a - b);
  return { p50: percentile(gapMillis, 0.5) * 1e3, p99: percentile(gapMillis, 0.99) * 1e3 };
}

async function measureGap(): Promise<number> {
  // Two deaths in a row are another matter.
  while (findRole(supervisor, `${role}-standby`) === undefined) await sleep(LOOK_MILLIS);
  await answer();
  const victim = servingPid();
  process.kill(victim, 'SIGKILL');
  let lastMillis = performance.now();
  let lookedMillis = lastMillis;
  let longest = 0;
  let replacedMillis = Number.POSITIVE_INFINITY;
  while (lastMillis - replacedMillis < SETTLED_MILLIS) {
    await answer();
    const now = performance.now();
    longest = Math.max(longest, now - lastMillis);
    lastMillis = now;
    if (replacedMillis < now || now - lookedMillis < LOOK_MILLIS) continue;
    lookedMillis = now;
    if (servingPid() !== victim) replacedMillis = now;
  }
  return longest;
}

/** Asks until there is an answer. */
async function answer(): Promise<void> {
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      if (!(error instanceof WarpError)) throw error;
      await sleep(REFUSED_PAUSE_MILLIS);
    }
  }
}

/** Each role keeps its number in the file that it has locked. */
function servingPid(): number {
  return Number(readFileSync(join(runtimeDir, role, 'lock'), 'utf8'));
}
