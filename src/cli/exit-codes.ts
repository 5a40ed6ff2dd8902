// What warpctl's exit code tells a script: one table, printed by --help.

import type { ErrorCode } from '../client/index.ts';

const rows = {
  done: [0, 'everything was done'],
  failed: [1, 'something failed; of several files, at least one'],
  usage: [2, 'the command line is not valid'],
  noDaemon: [3, 'no daemon answers'],
  refused: [4, 'the daemon refused: a permission or a quota'],
  late: [5, 'the daemon did not answer within --timeout'],
  brokenPipe: [141, 'whoever read the output went away'],
} as const satisfies Record<string, readonly [code: number, meaning: string]>;

type ExitReason = keyof typeof rows;

const reasons: Partial<Record<ErrorCode, ExitReason>> = {
  NO_DAEMON: 'noDaemon',
  ENGINE_UNAVAILABLE: 'noDaemon',
  DAEMON_STOPPING: 'noDaemon',
  PERMISSION_DENIED: 'refused',
  QUOTA_EXCEEDED: 'refused',
  DEADLINE_EXCEEDED: 'late',
};

export function exitCode(reason: ExitReason): number {
  return rows[reason][0];
}

export function exitCodeOf(code: ErrorCode): number {
  return exitCode(reasons[code] ?? 'failed');
}

/** For several things of which each has failed or not: what they have in common, 1 where that is nothing. */
export function exitCodeOfAll(failures: readonly ErrorCode[]): number {
  const codes = new Set(failures.map(exitCodeOf));
  const [code = exitCode('done')] = codes;
  return codes.size <= 1 ? code : exitCode('failed');
}

/** All of them, with what they mean. */
export const exitCodeRows: readonly (readonly [code: string, meaning: string])[] = [
  ...Object.values(rows).map(([code, meaning]) => [String(code), meaning] as const),
  ['128+N', 'ended by signal N (130: Ctrl-C)'],
];

export const exitCodeHelp = ['Exit codes:']
  .concat(exitCodeRows.map(([code, meaning]) => `  ${code.padEnd(5)}  ${meaning}`))
  .join('\n');
