// The processes of the daemon that is measured, and what they use, as the kernel tells.

import { readdirSync, readFileSync } from 'node:fs';
import type { Connection } from 'warpdrive';
import { present } from '../src/shared/assert.ts';
import { childrenOf } from '../test/fixtures/processes.ts';
import { usageOf } from '../test/fixtures/usage.ts';

/** The numbers of all of them: supervisor, roles and their standbys, workers. */
export async function daemonPids(connection: Connection): Promise<number[]> {
  const [role] = (await connection.status()).processes;
  const supervisor = parentOf(present(role, 'a process of the daemon').pid);
  const children = childrenOf(supervisor);
  return [supervisor, ...children, ...children.flatMap(childrenOf)];
}

/** What started a process. */
export function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
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
