// Memory that a program shares with the daemon's devices.

import { WarpError } from '../shared/errors.ts';
import type { Mapping } from '../sys/memory.ts';

/** What a region needs of its connection. */
export interface RegionOwner {
  releaseRegion(region: Region): Promise<void>;
}

/**
 * Shared memory, allocated by the daemon, that every queue and device of the connection can use. Programs read and
 * write `buffer`; requests name ranges of it.
 */
export class Region {
  /** Size, bytes: what was asked for. */
  readonly bytes: number;
  readonly #owner: RegionOwner;
  #mapping: Mapping;
  #number: number;
  #isReleased = false;

  /** For Connection only. */
  constructor(owner: RegionOwner, bytes: number, number: number, mapping: Mapping) {
    this.#owner = owner;
    this.bytes = bytes;
    this.#number = number;
    this.#mapping = mapping;
  }

  /** The memory. After `release` it is harmless but useless: private zeros. */
  get buffer(): Buffer {
    return this.#mapping.buffer.subarray(0, this.bytes);
  }

  /** The daemon's number for it; another one after the connection had to be set up again. */
  get number(): number {
    if (this.#isReleased)
      throw new WarpError('RELEASED', { operation: 'use a region', found: 'it was released' });
    return this.#number;
  }

  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** For Connection only. */
  get mapping(): Mapping {
    return this.#mapping;
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
    this.#mapping.blank();
  }
}
