// The memory that one open mdev can reach: maps regions for its device, and takes them back. Long work is cut into
// pieces, between which the custodian does other things.

import { setImmediate } from 'node:timers/promises';
import { WarpError } from '../../shared/errors.ts';
import type { Fd } from '../../sys/fd.ts';
import { mapShared, type Mapping, roundToPages } from '../../sys/memory.ts';
import type { IovaSpace } from './iova-space.ts';
import { mapDma, type OpenMdev, unmapDma } from './vfio.ts';

/** Pinning takes up to a microsecond for each page: a piece of 4 MiB about a millisecond. */
const PIECE_BYTES = 4 * 2 ** 20;

interface Mapped {
  readonly memory: Mapping;
  readonly iova: number;
  /** What is mapped so far, from the beginning. */
  bytes: number;
}

export class DmaSpace {
  readonly #mdev: OpenMdev;
  readonly #iovas: IovaSpace;
  readonly #mapped = new Map<number, Mapped>();
  /** Work under way. */
  #changes = 0;

  constructor(mdev: OpenMdev, iovas: IovaSpace) {
    this.#mdev = mdev;
    this.#iovas = iovas;
  }

  /** Nothing is mapped, nor about to be. */
  get isEmpty(): boolean {
    return this.#mapped.size === 0 && this.#changes === 0;
  }

  /** Maps memory for the device; returns where it sees the beginning. If that fails nothing of it stays mapped. */
  async map(memory: Fd, bytes: number): Promise<number> {
    const wholePages = roundToPages(bytes);
    const iova = this.#iovas.take(wholePages);
    let mapped: Mapped | undefined;
    this.#changes += 1;
    try {
      mapped = { memory: mapShared(memory, bytes), iova, bytes: 0 };
      while (mapped.bytes < wholePages) {
        const piece = Math.min(PIECE_BYTES, wholePages - mapped.bytes);
        const address = mapped.memory.address + mapped.bytes;
        mapDma(this.#mdev, { address, iova: iova + mapped.bytes, bytes: piece });
        mapped.bytes += piece;
        await setImmediate();
      }
    } catch (error) {
      if (mapped === undefined) this.#iovas.give(iova);
      else await this.#unmap(mapped);
      throw error;
    } finally {
      this.#changes -= 1;
    }
    this.#mapped.set(iova, mapped);
    return iova;
  }

  /** Resolves when the device can't reach the memory any more. */
  async unmap(iova: number): Promise<void> {
    const mapped = this.#mapped.get(iova);
    if (mapped === undefined) {
      const found = 'nothing is mapped there';
      throw new WarpError('INVALID_ARGUMENT', { operation: `unmap 0x${iova.toString(16)}`, found });
    }
    this.#mapped.delete(iova);
    this.#changes += 1;
    await this.#unmap(mapped).finally(() => {
      this.#changes -= 1;
    });
  }

  async unmapAll(): Promise<void> {
    for (const iova of this.#mapped.keys()) await this.unmap(iova);
  }

  async #unmap(mapped: Mapped): Promise<void> {
    const { memory, iova } = mapped;
    for (let at = 0; at < mapped.bytes; at += PIECE_BYTES) {
      unmapDma(this.#mdev, { iova: iova + at, bytes: Math.min(PIECE_BYTES, mapped.bytes - at) });
      await setImmediate();
    }
    memory.unmap();
    this.#iovas.give(iova);
  }
}
