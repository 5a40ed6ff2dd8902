// Who a process is, as /proc tells it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessIdentity } from '../contracts.ts';

/** Field 22 of /proc/PID/stat, counted behind the command, which may contain anything; see proc(5). */
const START_TIME_FIELD = 22;
const FIRST_FIELD_AFTER_COMMAND = 3;

/** undefined if there is no such process. `root`: where the host's file system begins. */
export function identifyProcess(pid: number, root = '/'): ProcessIdentity | undefined {
  let stat: string;
  try {
    stat = readFileSync(join(root, 'proc', String(pid), 'stat'), 'utf8');
  } catch {
    // Any failure means the same to who asks: nobody can vouch for that process.
    return undefined;
  }
  const commandEnd = stat.lastIndexOf(')');
  const command = stat.slice(stat.indexOf('(') + 1, commandEnd);
  const fields = stat.slice(commandEnd + 2).split(' ');
  const startTicks = fields[START_TIME_FIELD - FIRST_FIELD_AFTER_COMMAND];
  return startTicks === undefined ? undefined : { startTicks, command };
}
