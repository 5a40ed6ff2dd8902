// Error numbers of the kernel, by name, and what a refused system call becomes.

import { constants } from 'node:os';
import { WarpError } from '../shared/errors.ts';
import { type CallResult, callLibc, type LibcFunction, type LibcValues } from './libc.ts';

export const { EAGAIN, EBUSY, ECONNRESET, EINTR, EINVAL, ENOTTY, ERANGE, ESRCH } = constants.errno;

/** Node's table leaves out what it never meets itself, <asm-generic/errno.h>. */
const unknownToNode = { EUSERS: 87 };

const names = new Map(
  Object.entries({ ...constants.errno, ...unknownToNode }).map(([name, number]) => [number, name]),
);

export function errnoName(errno: number): string {
  return names.get(errno) ?? `error ${errno}`;
}

/** The error of a system call that failed where no failure is expected. */
export function systemCallError(operation: string, errno: number): WarpError {
  return new WarpError('SYSTEM_CALL', {
    operation,
    found: `the kernel answered ${errnoName(errno)}`,
    hint: hints[errnoName(errno)],
  });
}

const hints: Readonly<Record<string, string>> = {
  EMFILE: 'raise the limit of open files of the process ("ulimit -n", LimitNOFILE=)',
  ENFILE: 'raise the limit of open files of the system (sysctl fs.file-max)',
  ENOMEM: 'free memory, or raise the limits of mappings (sysctl vm.max_map_count) or memory',
  EACCES: 'check the owner and mode of the path',
};

/** Whether a system call failed because the other end of a socket is gone. */
export function isPeerGone(error: unknown): boolean {
  return error instanceof WarpError && /\b(EPIPE|ECONNRESET|ENOTCONN)\b/.test(error.found);
}

/** Calls a function that answers -1 on failure; throws what the kernel said. */
export function mustCall<Name extends LibcFunction>(
  operation: string,
  name: Name,
  ...values: LibcValues<Name>
): number {
  const { value, errno } = retryInterrupted(() => callLibc(name, ...values));
  if (value === -1) throw systemCallError(operation, errno);
  return value;
}

/** Repeats a call while a signal interrupts it. */
export function retryInterrupted(call: () => CallResult): CallResult {
  for (;;) {
    const result = call();
    if (result.value !== -1 || result.errno !== EINTR) return result;
  }
}
