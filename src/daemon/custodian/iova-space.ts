// The addresses at which a parent's device sees memory. All that is mapped on one parent shares them, since its mdevs
// may share one IOMMU domain.
//
// Addresses move on and come back late, with a gap behind each range: a device that reads past its end, or late, then
// meets nothing, and not somebody else's memory.

import { WarpError } from '../../shared/errors.ts';
import { PAGE_BYTES, roundToPages } from '../../sys/memory.ts';

/** Above what kernels use for themselves: 32-bit DMA, and the window of interrupts just below 4 GiB. */
const FIRST = 2 ** 32;
/** IOMMUs have 48 bits of addresses or more; half of it, for those with a sign. */
const END = 2 ** 47;

export class IovaSpace {
  readonly #end: number;
  /** Ranges in use by their begin; sizes with the gap. */
  readonly #ranges = new Map<number, number>();
  #next = FIRST;

  /** `end`: for tests of a space that is soon full. */
  constructor(end: number = END) {
    this.#end = end;
  }

  /** Reserves a range. Throws DEVICE_UNUSABLE when there is no room left. */
  take(bytes: number): number {
    const needed = roundToPages(bytes) + PAGE_BYTES;
    const address = this.#findFrom(this.#next, needed) ?? this.#findFrom(FIRST, needed);
    if (address === undefined) {
      const operation = `find addresses for ${bytes} bytes`;
      throw new WarpError('DEVICE_UNUSABLE', {
        operation,
        found: 'the device has none left',
        hint: 'release regions',
      });
    }
    this.#ranges.set(address, needed);
    this.#next = address + needed;
    return address;
  }

  give(address: number): void {
    this.#ranges.delete(address);
  }

  /** The first room from an address on. Looked for only after the space was used up once. */
  #findFrom(from: number, needed: number): number | undefined {
    let at = from;
    const later = [...this.#ranges].filter(([begin, size]) => begin + size > from);
    for (const [begin, size] of later.sort(([a], [b]) => a - b)) {
      if (begin - at >= needed) return at;
      at = begin + size;
    }
    return this.#end - at >= needed ? at : undefined;
  }
}
