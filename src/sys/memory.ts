// Shared memory: sealed memfds and their mappings.
//
// A mapping has an inaccessible page before and after it, so that a library that runs past a buffer dies instead
// of reading or writing its neighbour:
//
//     | PROT_NONE page | the memfd, read-write, shared | PROT_NONE page |
//
// What no library ever gets, only typed arrays on it, is mapped bare: one call instead of two, and one mapping of the
// kernel's instead of three, for each of thousands of channels.
//
// Touching a Buffer after its memory was unmapped would crash the process. So there are two ways to end a mapping:
// `unmap()` for memory whose every view is ours and dropped, and `blank()` for memory that a user may still hold
// a Buffer of: the pages are exchanged for private zeros, and the addresses given back when the Buffer is
// collected.

import { readSync } from 'node:fs';
import { assert } from '../shared/assert.ts';
import { WarpError } from '../shared/errors.ts';
import { mustCall, systemCallError } from './errno.ts';
import { Fd } from './fd.ts';
import { bufferAt, callLibc } from './libc.ts';

export const PAGE_BYTES = 4096;

// <sys/mman.h>, <linux/memfd.h>, <linux/fcntl.h>, <linux/falloc.h>
const PROT_NONE = 0;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_HUGETLB = 4;
/** Of 2 MiB: the base-2 logarithm of that, at bit 26. */
const MFD_HUGE_2MB = 21 * 2 ** 26;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
const F_SEAL_SEAL = 1;
const F_SEAL_SHRINK = 2;
const F_SEAL_GROW = 4;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;

/** The seals of all memory that we hand out: its size can't change under whoever maps it. */
const SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW;

/**
 * A memfd of a fixed size, zeroed, sealed against any change of its size. `name` shows in /proc/PID/maps. `isHuge`: of
 * huge pages of 2 MiB, which the administrator has to have reserved.
 */
export function createSealedMemory(
  name: string,
  bytes: number,
  { isHuge = false }: { readonly isHuge?: boolean } = {},
): Fd {
  const flags = MFD_CLOEXEC + MFD_ALLOW_SEALING + (isHuge ? MFD_HUGETLB + MFD_HUGE_2MB : 0);
  const fd = new Fd(mustCall(`create memory "${name}"`, 'memfd_create', name, flags), name);
  try {
    mustCall(`size memory "${name}" to ${bytes} bytes`, 'ftruncate', fd.number, bytes);
    mustCall(`seal memory "${name}"`, 'fcntl', fd.number, F_ADD_SEALS, SEALS);
  } catch (error) {
    fd.close();
    throw error;
  }
  return fd;
}

/** Refuses memory that its maker could still shrink: a shrunk memfd kills whoever touches it (SIGBUS). */
export function checkSealed(fd: Fd): void {
  const seals = mustCall(`read the seals of ${fd.label}`, 'fcntl', fd.number, F_GET_SEALS, 0);
  if ((seals & SEALS) !== SEALS) {
    throw new WarpError('PROTOCOL_MISMATCH', {
      operation: `check ${fd.label}`,
      found: `its seals are ${seals}, not ${SEALS}: it could change its size`,
    });
  }
}

/** Gives pages of a memfd back, whoever else still holds or maps it; they read zeros from then on. */
export function punchOut(fd: Fd, range: { readonly offset: number; readonly bytes: number }): void {
  const mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  mustCall(`release the pages of ${fd.label}`, 'fallocate', fd.number, mode, range.offset, range.bytes);
}

const word = Buffer.alloc(4);

/** A 32-bit word of a memfd, by its index: for one look, where mapping would be a waste. */
export function readWord(fd: Fd, index: number): number {
  readSync(fd.number, word, 0, word.length, index * word.length);
  return word.readInt32LE();
}

const blanked = new FinalizationRegistry<{ start: number; bytes: number }>(({ start, bytes }) => {
  callLibc('munmap', start, bytes);
});

export class Mapping {
  readonly bytes: number;
  readonly address: number;
  /** The memory, while mapped. */
  readonly buffer: Buffer;
  readonly #guardBytes: number;
  #isMapped = true;

  /** `guardBytes`: of the inaccessible memory on each side. */
  constructor(address: number, bytes: number, guardBytes: number) {
    this.address = address;
    this.bytes = bytes;
    this.#guardBytes = guardBytes;
    this.buffer = bufferAt(address, bytes);
  }

  get isMapped(): boolean {
    return this.#isMapped;
  }

  /** The memory as 32-bit words, the form in which rings are read and written. */
  words(): Int32Array {
    assert(this.#isMapped, 'the mapping is there');
    return new Int32Array(this.buffer.buffer, this.buffer.byteOffset, this.bytes / 4);
  }

  /** Ends the mapping at once. The caller proves that no view of it is used any more. */
  unmap(): void {
    if (!this.#isMapped) return;
    this.#isMapped = false;
    const { start, bytes } = this.#reserved;
    mustCall('unmap memory', 'munmap', start, bytes);
  }

  /** Exchanges the memory for private zeros: Buffers on it stay harmless, and reach nobody any more. */
  blank(): void {
    if (!this.#isMapped) return;
    this.#isMapped = false;
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    mapAt(this.address, roundToPages(this.bytes), PROT_READ_WRITE, flags, -1, 'blank memory');
    blanked.register(this.buffer.buffer, this.#reserved);
  }

  get #reserved(): { readonly start: number; readonly bytes: number } {
    const guard = this.#guardBytes;
    return { start: this.address - guard, bytes: roundToPages(this.bytes) + 2 * guard };
  }

  /** Puts another memfd of the same size in place; Buffers on the mapping show its contents from now on. */
  replace(fd: Fd): void {
    assert(this.#isMapped, 'the mapping is there');
    mapAt(this.address, this.bytes, PROT_READ_WRITE, MAP_SHARED | MAP_FIXED, fd.number, `map ${fd.label}`);
  }
}

/** Addresses for a mapping to come, by `replace`: until then, touching its memory crashes. */
export function reserveMapping(bytes: number, operation: string): Mapping {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  const start = mapAt(0, reservedBytes(bytes), PROT_NONE, flags, -1, operation);
  return new Mapping(start + PAGE_BYTES, bytes, PAGE_BYTES);
}

/**
 * Maps a memfd, or what a device offers at an offset, shared and read-write, with an inaccessible page on both sides.
 */
export function mapShared(fd: Fd, bytes: number, offset = 0): Mapping {
  const operation = `map ${bytes} bytes of ${fd.label}`;
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  const start = mapAt(0, reservedBytes(bytes), PROT_NONE, flags, -1, operation);
  try {
    mapAt(start + PAGE_BYTES, bytes, PROT_READ_WRITE, MAP_SHARED | MAP_FIXED, fd.number, operation, offset);
  } catch (error) {
    callLibc('munmap', start, reservedBytes(bytes));
    throw error;
  }
  return new Mapping(start + PAGE_BYTES, bytes, PAGE_BYTES);
}

/** The same without the pages on both sides. */
export function mapBare(fd: Fd, bytes: number): Mapping {
  const address = mapAt(
    0,
    bytes,
    PROT_READ_WRITE,
    MAP_SHARED,
    fd.number,
    `map ${bytes} bytes of ${fd.label}`,
  );
  return new Mapping(address, bytes, 0);
}

function mapAt(
  address: number,
  bytes: number,
  protection: number,
  flags: number,
  fd: number,
  operation: string,
  offset = 0,
): number {
  const { value, errno } = callLibc('mmap', address, bytes, protection, flags, fd, offset);
  if (value === -1) throw systemCallError(operation, errno);
  return value;
}

export function roundToPages(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

function reservedBytes(bytes: number): number {
  return roundToPages(bytes) + 2 * PAGE_BYTES;
}
