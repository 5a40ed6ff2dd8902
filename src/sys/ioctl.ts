// ioctl(2) and its request numbers, composed as <asm-generic/ioctl.h> does.

import { retryInterrupted, systemCallError } from './errno.ts';
import type { Fd } from './fd.ts';
import { callIoctl, type CallResult } from './libc.ts';

const NUMBER_BITS = 8;
const TYPE_BITS = 8;
const SIZE_BITS = 14;
const DIRECTION = { none: 0, write: 1, read: 2, readWrite: 3 } as const;

export type IoctlDirection = keyof typeof DIRECTION;

/** _IO, _IOW, _IOR, _IOWR: `type` is the magic character, `bytes` the size of the argument's struct. */
export function ioctlRequest(direction: IoctlDirection, type: string, number: number, bytes = 0): number {
  const shifted =
    DIRECTION[direction] * 2 ** (NUMBER_BITS + TYPE_BITS + SIZE_BITS) +
    bytes * 2 ** (NUMBER_BITS + TYPE_BITS) +
    type.charCodeAt(0) * 2 ** NUMBER_BITS;
  return shifted + number;
}

/** Calls a device, for callers to whom some refusals are answers. */
export function tryIoctl(fd: Fd, request: number, argument: number | string | Buffer): CallResult {
  return retryInterrupted(() => callIoctl(fd.number, request, argument));
}

/** Calls a device; returns its non-negative answer, throws what the kernel said otherwise. */
export function ioctl(
  fd: Fd,
  request: number,
  argument: number | string | Buffer,
  operation: string,
): number {
  const { value, errno } = tryIoctl(fd, request, argument);
  if (value === -1) throw systemCallError(`${operation} (${fd.label})`, errno);
  return value;
}
