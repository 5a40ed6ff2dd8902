// Who a process is, as /proc tells it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { present } from '../../shared/assert.ts';
import { readProcessStat } from '../../sys/proc-stat.ts';
import type { ProcessIdentity } from '../contracts.ts';

/** undefined if there is no such process. `root`: where the host's file system begins. */
export function identifyProcess(pid: number, root = '/'): ProcessIdentity | undefined {
  const before = readProcessStat(pid, root);
  if (before === undefined) return undefined;
  const folder = join(root, 'proc', String(pid));
  try {
    const uids = readUsers(folder);
    const cgroup = readControlGroup(folder);
    // The number may have come to mean another process meanwhile.
    const after = readProcessStat(pid, root);
    if (after?.startTicks !== before.startTicks) return undefined;
    const { startTicks, command } = after;
    return { startTicks, command, uids, ...(cgroup !== undefined && { cgroup }) };
  } catch {
    // Any failure means the same to who asks: nobody can vouch for that process.
    return undefined;
  }
}

/** The real user, the effective one, the saved one, that of file systems. */
function readUsers(folder: string): number[] {
  const status = readFileSync(join(folder, 'status'), 'utf8');
  const [, users] = /^Uid:\t(.*)$/m.exec(status) ?? [];
  return [...new Set(present(users, 'the users of a process').split('\t').map(Number))];
}

/** Of the unified hierarchy, or of the one that systemd keeps where there is none; see cgroups(7). */
function readControlGroup(folder: string): string | undefined {
  const lines = readFileSync(join(folder, 'cgroup'), 'utf8').split('\n');
  const pathOf = (line: string | undefined): string | undefined => line?.split(':').slice(2).join(':');
  const unified = pathOf(lines.find((line) => line.startsWith('0::')));
  const ofManager = pathOf(lines.find((line) => /^\d+:name=systemd:/.test(line)));
  return ofManager === undefined || (unified !== undefined && unified !== '/') ? unified : ofManager;
}
