// For how long the kernel lets a thread run at a time. Whoever asks for less than the thread that runs goes before it as
// soon as it wakes, and nobody has more of the processor for it in the end: so what computes asks for long slices, and
// what others wait for, for short ones. A kernel before 6.12 knows one slice for all, and takes no notice.

import { getPriority } from 'node:os';
import { addressOf, callLibc, structMemory } from './libc.ts';
import { schedAttrLayout } from './structs.ts';

/** <asm/unistd_64.h>, <asm-generic/unistd.h> */
const SYS_SCHED_SETATTR: Readonly<Record<string, number>> = { x64: 314, arm64: 274 };
const CALLING_THREAD = 0;
const NANOS_PER_MILLI = 1e6;

/** Of the calling thread; the kernel takes 0.1 to 100 ms. False where that is forbidden: it is of use, not needed. */
export function askForTimeSlice(millis: number): boolean {
  const number = SYS_SCHED_SETATTR[process.arch];
  if (number === undefined) return false;
  const { size, sched_nice: nice, sched_runtime: runtime } = schedAttrLayout.fields;
  const attributes = structMemory(schedAttrLayout.bytes);
  attributes.writeUInt32LE(schedAttrLayout.bytes, size.offset);
  attributes.writeInt32LE(getPriority(), nice.offset);
  attributes.writeBigUInt64LE(BigInt(Math.round(millis * NANOS_PER_MILLI)), runtime.offset);
  const { value } = callLibc('syscall', number, CALLING_THREAD, Number(addressOf(attributes)), 0, 0);
  // Read again, so that it is there until then.
  return value === 0 && attributes.length > 0;
}
