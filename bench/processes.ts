// The processes of the daemon that is measured, and what they use, as the kernel tells.

import { readdirSync, readFileSync } from 'node:fs';
import type { Connection } from 'warpdrive';
import { childrenOf } from '../test/fixtures/processes.ts';
import { usageOf } from '../test/fixtures/usage.ts';

/** The numbers of all of them: supervisor, roles, workers. */
export async function daemonPids(connection: Connection): Promise<number[]> {
  const roles = (await connection.status()).processes.map(({ pid }) => pid);
  const stat = readFileSync(`/proc/${roles[0]}/stat`, 'latin1');
  const supervisor = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  return [supervisor, ...roles, ...roles.flatMap(childrenOf)];
}

/** Processor time that they have used, all threads, milliseconds. */
export function cpuMillis(pids: readonly number[]): number {
  let nanos = 0;
  for (const pid of pids) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const [running = ''] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ');
      nanos += Number(running);
    }
  }
  return nanos / 1e6;
}

/** Memory of their own and, once, the shared memory that they hold, bytes. Only root may look into the engine. */
export function memoryBytes(pids: readonly number[]): number {
  const usages = pids.map((pid) => usageOf(pid));
  const own = usages.reduce((sum, { ownBytes }) => sum + ownBytes, 0);
  // The custodian holds a descriptor of all that the engine has.
  return own + Math.max(...usages.map(({ sharedBytes }) => sharedBytes));
}
