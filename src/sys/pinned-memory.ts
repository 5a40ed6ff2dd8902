// Memory that a device without an IOMMU may be told of by its physical address: one huge page of a sealed memfd, which
// is contiguous, and pinned, so that it stays where it is.
//
// A lock (mlock) keeps memory from being swapped, not from being moved. What keeps it in its place is a pin for the long
// term, as drivers take it for DMA: the kernel then neither moves nor frees the page, whatever becomes of the file. User
// space gets such a pin by registering the memory as a buffer of io_uring, which is used for nothing else here.

import { openSync, readSync } from 'node:fs';
import { WarpError } from '../shared/errors.ts';
import { errnoName, mustCall } from './errno.ts';
import { Fd } from './fd.ts';
import { addressOf, callLibc, structMemory } from './libc.ts';
import { createSealedMemory, mapBare, PAGE_BYTES } from './memory.ts';

export const PINNED_BYTES = 2 ** 21;

/** <asm/unistd.h>, the same for all architectures; <linux/io_uring.h>. */
const SYS_IO_URING_SETUP = 425;
const SYS_IO_URING_REGISTER = 427;
const IORING_REGISTER_BUFFERS = 0;
const IO_URING_PARAMS_BYTES = 120;
const IOVEC_BYTES = 16;

/** Documentation/admin-guide/mm/pagemap.rst: 64 bits for each page. */
const PAGEMAP_ENTRY_BYTES = 8;
const PAGEMAP_PRESENT = 1n << 63n;
const PAGEMAP_FRAME_MASK = (1n << 55n) - 1n;

export interface PinnedMemory {
  readonly memory: Fd;
  /** Physical. */
  readonly address: number;
  /** Lets it go: no device may have been told of it any more. */
  close(): void;
}

/** Takes PINNED_BYTES, zeroed. Throws DEVICE_UNUSABLE with what the host lacks. */
export function pinMemory(name: string): PinnedMemory {
  const memory = createSealedMemory(name, PINNED_BYTES, { isHuge: true });
  let ring: Fd | undefined;
  try {
    reserve(memory);
    const mapping = mapBare(memory, PINNED_BYTES);
    try {
      ring = openRing();
      pin(ring, mapping.address);
      const address = physicalAddress(mapping.address);
      const pinned = ring;
      const close = (): void => {
        pinned.close();
        memory.close();
      };
      return { memory, address, close };
    } finally {
      mapping.unmap();
    }
  } catch (error) {
    ring?.close();
    memory.close();
    throw error;
  }
}

/** Takes the page now: touching memory for which there is none would end the process. */
function reserve(memory: Fd): void {
  const { value, errno } = callLibc('fallocate', memory.number, 0, 0, PINNED_BYTES);
  if (value !== -1) return;
  const hint = 'reserve huge pages, two for each hardware queue: sysctl vm.nr_hugepages';
  throw unusable('take a huge page', `the kernel answered ${errnoName(errno)}`, hint);
}

function openRing(): Fd {
  const parameters = structMemory(IO_URING_PARAMS_BYTES);
  const { value, errno } = callLibc('syscall', SYS_IO_URING_SETUP, 1, pointer(parameters), 0, 0);
  if (value !== -1) return new Fd(value, 'pin of memory');
  const hint = 'allow io_uring, which pins memory: sysctl kernel.io_uring_disabled, SystemCallFilter=';
  throw unusable('pin memory', `the kernel answered ${errnoName(errno)}`, hint);
}

function pin(ring: Fd, address: number): void {
  const vector = structMemory(IOVEC_BYTES);
  vector.writeBigUInt64LE(BigInt(address), 0);
  vector.writeBigUInt64LE(BigInt(PINNED_BYTES), 8);
  mustCall(
    'pin memory',
    'syscall',
    SYS_IO_URING_REGISTER,
    ring.number,
    IORING_REGISTER_BUFFERS,
    pointer(vector),
    1,
  );
}

function physicalAddress(address: number): number {
  const path = '/proc/self/pagemap';
  const pagemap = new Fd(openSync(path, 'r'), path);
  try {
    const entry = structMemory(PAGEMAP_ENTRY_BYTES);
    readSync(pagemap.number, entry, 0, entry.length, (address / PAGE_BYTES) * PAGEMAP_ENTRY_BYTES);
    const bits = entry.readBigUInt64LE();
    const frame = Number(bits & PAGEMAP_FRAME_MASK);
    if ((bits & PAGEMAP_PRESENT) !== 0n && frame !== 0) return frame * PAGE_BYTES;
  } finally {
    pagemap.close();
  }
  const hint =
    'give the custodian the capability CAP_SYS_ADMIN: see "Devices without an IOMMU" in OPERATIONS';
  throw unusable('find the physical address of memory', `${path} shows none`, hint);
}

function pointer(buffer: Buffer): number {
  return Number(addressOf(buffer));
}

function unusable(operation: string, found: string, hint: string): WarpError {
  return new WarpError('DEVICE_UNUSABLE', { operation, found, hint });
}
