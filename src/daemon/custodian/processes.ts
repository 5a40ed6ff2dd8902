// Who a process is, as /proc tells it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessIdentity } from '../contracts.ts';

/** Field 22 of /proc/PID/stat, counted behind the command, which may contain anything; see proc(5). */
const START_TIME_FIELD = 22;
const FIRST_FIELD_AFTER_COMMAND = 3;

/** undefined if there is no such process. `root`: where the host's file system begins. */
export function identifyProcess(pid: number, root = '/'): ProcessIdentity | undefined {
  const folder = join(root, 'proc', String(pid));
  try {
    const before = readStart(folder);
    const gids = readGroups(folder);
    const cgroup = readControlGroup(folder);
    // The number may have come to mean another process meanwhile.
    const after = readStart(folder);
    if (before.startTicks !== after.startTicks) return undefined;
    return { ...after, gids, ...(cgroup !== undefined && { cgroup }) };
  } catch {
    // Any failure means the same to who asks: nobody can vouch for that process.
    return undefined;
  }
}

function readStart(folder: string): { readonly startTicks: string; readonly command: string } {
  const stat = readFileSync(join(folder, 'stat'), 'utf8');
  const commandEnd = stat.lastIndexOf(')');
  const command = stat.slice(stat.indexOf('(') + 1, commandEnd);
  const fields = stat.slice(commandEnd + 2).split(' ');
  const startTicks = fields[START_TIME_FIELD - FIRST_FIELD_AFTER_COMMAND];
  if (startTicks === undefined) throw new Error('no start time');
  return { startTicks, command };
}

/** The effective group and the supplementary ones. */
function readGroups(folder: string): number[] {
  const status = readFileSync(join(folder, 'status'), 'utf8');
  const [, effective] = /^Gid:\t\d+\t(\d+)/m.exec(status) ?? [];
  const [, others = ''] = /^Groups:\t(.*)$/m.exec(status) ?? [];
  const numbers = [effective, ...others.split(' ')].filter((text) => text !== undefined && text !== '');
  return [...new Set(numbers.map(Number))];
}

/** Of the unified hierarchy, or of the one that systemd keeps where there is none; see cgroups(7). */
function readControlGroup(folder: string): string | undefined {
  const lines = readFileSync(join(folder, 'cgroup'), 'utf8').split('\n');
  const pathOf = (line: string | undefined): string | undefined => line?.split(':').slice(2).join(':');
  const unified = pathOf(lines.find((line) => line.startsWith('0::')));
  const ofManager = pathOf(lines.find((line) => /^\d+:name=systemd:/.test(line)));
  return ofManager === undefined || (unified !== undefined && unified !== '/') ? unified : ofManager;
}
