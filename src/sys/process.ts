// Processes: pidfds, signals that tie a child to its parent, advisory locks.

import { callLibc } from './libc.ts';
import { EAGAIN, ESRCH, mustCall, systemCallError } from './errno.ts';
import { Fd } from './fd.ts';

// <linux/prctl.h>, <sys/file.h>, <asm-generic/unistd.h>
const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const LOCK_EXCLUSIVE_NOW = 2 | 4;
const SYS_PIDFD_OPEN = 434;

/** A descriptor that stands for a process and no later one with its number; undefined if there is none. */
export function openPidfd(pid: number): Fd | undefined {
  const { value, errno } = callLibc('syscall', SYS_PIDFD_OPEN, pid, 0, 0, 0);
  if (value !== -1) return new Fd(value, 'pidfd');
  if (errno === ESRCH) return undefined;
  throw systemCallError(`open a pidfd of process ${pid}`, errno);
}

/** Asks the kernel to send this process a signal when its parent dies, however that happens. */
export function dieWithParent(signal: number): void {
  mustCall('tie this process to its parent', 'prctl', PR_SET_PDEATHSIG, signal, 0, 0, 0);
}

/** No core dumps and no ptrace by others: for a process that holds keys. */
export function forbidDumps(): void {
  mustCall('forbid core dumps', 'prctl', PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/** Takes the lock of a file, which ends with the descriptor; false if somebody holds it. */
export function tryLock(fd: Fd): boolean {
  const { value, errno } = callLibc('flock', fd.number, LOCK_EXCLUSIVE_NOW);
  if (value === -1 && errno !== EAGAIN) throw systemCallError(`lock ${fd.label}`, errno);
  return value === 0;
}
