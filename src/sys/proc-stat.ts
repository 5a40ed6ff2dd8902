// /proc/PID/stat: what the kernel tells of a process in one line (proc(5)). Plain reading, no FFI.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Numbers of fields, counted from 1; the command is the second, and may contain anything. */
const FIRST_FIELD_AFTER_COMMAND = 3;
const STATE_FIELD = 3;
const USER_TIME_FIELD = 14;
const SYSTEM_TIME_FIELD = 15;
const START_TIME_FIELD = 22;
/** A tick of the kernel's accounting: USER_HZ is 100 on every architecture of Linux that Node runs on. */
const TICK_MILLIS = 10;

export interface ProcessStat {
  readonly command: string;
  /** It was stopped by a signal or a debugger. */
  readonly isStopped: boolean;
  /** Processor time that it has used, milliseconds. */
  readonly cpuMillis: number;
  /** When it started, clock ticks since boot. */
  readonly startTicks: string;
}

/** undefined if there is no such process, or we may not look. `root`: where the host's file system begins. */
export function readProcessStat(pid: number, root = '/'): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(join(root, 'proc', String(pid), 'stat'), 'utf8');
  } catch {
    // Any failure means the same to who asks: nobody can vouch for that process.
    return undefined;
  }
  const commandEnd = text.lastIndexOf(')');
  const fields = text.slice(commandEnd + 2).split(' ');
  const field = (number: number): string => fields[number - FIRST_FIELD_AFTER_COMMAND] ?? '';
  if (field(START_TIME_FIELD) === '') return undefined;
  return {
    command: text.slice(text.indexOf('(') + 1, commandEnd),
    isStopped: /^[Tt]$/.test(field(STATE_FIELD)),
    cpuMillis: (Number(field(USER_TIME_FIELD)) + Number(field(SYSTEM_TIME_FIELD))) * TICK_MILLIS,
    startTicks: field(START_TIME_FIELD),
  };
}
