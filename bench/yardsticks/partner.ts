// The second process of a yardstick: the same program again, in another role, with one descriptor handed to it.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { Fd } from '../../src/sys/fd.ts';
import { dieWithParent } from '../../src/sys/process.ts';

/** Where the partner finds the descriptor. */
export const PARTNER_FD = 3;

const ROLE = 'partner';

export function isPartner(): boolean {
  return process.argv.includes(ROLE);
}

/** Starts this program once more as the partner; closes our copy of the descriptor. */
export function startPartner(fd: Fd): ChildProcessByStdio<Writable, Readable, null> {
  const program = process.argv[1] ?? '';
  const partner = spawn(process.execPath, [program, ROLE], {
    stdio: ['pipe', 'pipe', 'inherit', fd.number],
  }) as ChildProcessByStdio<Writable, Readable, null>;
  partner.once('exit', (code) => {
    if (code !== 0) process.exit(1);
  });
  fd.close();
  return partner;
}

/** In the partner: never outlive the process that measures, not even in a loop that spins. */
export function bindPartner(): void {
  dieWithParent(constants.signals.SIGKILL);
}
