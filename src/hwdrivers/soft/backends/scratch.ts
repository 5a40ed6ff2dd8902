// Private memory for libraries that must not see shared memory: the copy of a request's input, and its output
// until it is known to be good.
//
//     source --copy--> | guard | input  | guard |
//                                  | library
//     destination <--- | guard | output | guard |
//
// A client may write its region while we read it. Some libraries read their input twice and trust that it is the
// same; libdeflate 1.25 then wrote past its output. So they get a copy, and where one runs away regardless, it
// meets a page without access and the worker dies instead of going on with overwritten memory.
//
// Both areas have their final size and address from the start; pages come into being when they are touched, and
// those of a large request are given back after it.

import { assert } from '../../../shared/assert.ts';
import { compressedBytesMax } from '../../../shared/operations.ts';
import type { Fd } from '../../../sys/fd.ts';
import { createSealedMemory, type Mapping, mapShared, punchOut, roundToPages } from '../../../sys/memory.ts';

/** What may stay resident of each area between requests, bytes: the common requests are far smaller. */
const RESIDENT_BYTES_MAX = 4 * 1024 * 1024;

/** Memory outside V8's heap, with an inaccessible page on both sides, that never moves. */
export class GuardedMemory {
  readonly #fd: Fd;
  readonly #mapping: Mapping;

  constructor(name: string, bytes: number) {
    const size = roundToPages(bytes);
    this.#fd = createSealedMemory(name, size);
    try {
      this.#mapping = mapShared(this.#fd, size);
    } catch (error) {
      this.#fd.close();
      throw error;
    }
  }

  get buffer(): Buffer {
    return this.#mapping.buffer;
  }

  get address(): number {
    return this.#mapping.address;
  }

  get bytes(): number {
    return this.#mapping.bytes;
  }

  /** Gives all pages back; the memory reads zeros. */
  clear(): void {
    punchOut(this.#fd, { offset: 0, bytes: this.bytes });
  }

  close(): void {
    this.#mapping.unmap();
    this.#fd.close();
  }
}

export class Scratch {
  readonly input: GuardedMemory;
  readonly output: GuardedMemory;
  /** The largest request that it serves: bytes of an input, and of a decompressed output. */
  readonly requestBytesMax: number;
  #usedBytes = 0;

  constructor(requestBytesMax: number) {
    this.requestBytesMax = requestBytesMax;
    this.input = new GuardedMemory('warpdrive-soft-input', requestBytesMax);
    this.output = new GuardedMemory('warpdrive-soft-output', compressedBytesMax(requestBytesMax));
  }

  /** Copies shared memory to the start of the input: the one time that it is read. */
  load(source: Buffer): void {
    assert(source.length <= this.requestBytesMax, 'the request is within the limit');
    this.input.buffer.set(source);
    this.#usedBytes = Math.max(this.#usedBytes, source.length);
  }

  /** The first bytes of the input, for a library that takes a Buffer. */
  loaded(bytes: number): Buffer {
    return this.input.buffer.subarray(0, bytes);
  }

  /** Copies the first bytes of the output to shared memory, where the caller has checked that they fit. */
  unload(bytes: number, destination: Buffer): void {
    assert(bytes <= this.output.bytes && bytes <= destination.length, 'what is copied out fits');
    this.output.buffer.copy(destination, 0, 0, bytes);
    this.discard(bytes);
  }

  /** Says how many bytes of the output were written that nobody gets, so that trim() knows of them. */
  discard(bytes: number): void {
    this.#usedBytes = Math.max(this.#usedBytes, bytes);
  }

  /** After a request: gives the pages of a large one back. */
  trim(): void {
    if (this.#usedBytes <= RESIDENT_BYTES_MAX) return;
    this.#usedBytes = 0;
    this.input.clear();
    this.output.clear();
  }

  close(): void {
    this.input.close();
    this.output.close();
  }
}
