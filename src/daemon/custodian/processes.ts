// Who a process is, as /proc tells it.

import { readProcessStat } from '../../sys/proc-stat.ts';
import type { ProcessIdentity } from '../contracts.ts';

/** undefined if there is no such process. `root`: where the host's file system begins. */
export function identifyProcess(pid: number, root = '/'): ProcessIdentity | undefined {
  const stat = readProcessStat(pid, root);
  return stat === undefined ? undefined : { startTicks: stat.startTicks, command: stat.command };
}
