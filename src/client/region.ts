// Memory that a program shares with the daemon's devices.

import { WarpError } from '../shared/errors.ts';

/** Where the bytes of a region are. */
export interface RegionMemory {
  readonly buffer: Buffer;
  /** Lets go of it: Buffers on it stay harmless, and show zeros. */
  blank(): void;
}

/** What a region needs of its connection. */
export interface RegionOwner {
  releaseRegion(region: Region): Promise<void>;
}

/**
 * Memory that every queue and device of the connection can use. Programs read and write `buffer`; requests name ranges
 * of it. On the fast path it is shared memory that the daemon has allocated; over gRPC it is the program's own, and what
 * requests read and write of it travels with them.
 */
export class Region {
  /** Size, bytes: what was asked for. */
  readonly bytes: number;
  readonly #owner: RegionOwner;
  #memory: RegionMemory;
  #number: number;
  #isReleased = false;

  /** For Connection only. */
  constructor(owner: RegionOwner, bytes: number, number: number, memory: RegionMemory) {
    this.#owner = owner;
    this.bytes = bytes;
    this.#number = number;
    this.#memory = memory;
  }

  /** The memory. After `release` it is harmless but useless: private zeros. */
  get buffer(): Buffer {
    return this.#memory.buffer.subarray(0, this.bytes);
  }

  /** The daemon's number for it, 0 if it needs none; another one after the connection had to be set up again. */
  get number(): number {
    this.checkUsable();
    return this.#number;
  }

  /** Throws RELEASED after `release`. */
  checkUsable(): void {
    if (this.#isReleased)
      throw new WarpError('RELEASED', { operation: 'use a region', found: 'it was released' });
  }

  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** For Connection only. */
  get memory(): RegionMemory {
    return this.#memory;
  }

  /** For Connection only: the daemon knows it by another number now. */
  renumber(number: number): void {
    this.#number = number;
  }

  /** Gives the memory back, once no request in flight uses it. Calling it again does nothing. */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    await this.#owner.releaseRegion(this);
    this.discard();
  }

  /** For Connection only: lets go of the memory without asking the daemon. */
  discard(): void {
    this.#isReleased = true;
    this.#memory.blank();
  }
}
