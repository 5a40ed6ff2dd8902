// Memory for the helpers' requests: leases of whole blocks in one shared region.
//
//     region  | lease A | B |      free      | lease C |  free  |     a lease is a run of neighbouring blocks
//
// The region is had with the first lease and kept until the connection ends. Whoever finds no run that is long enough
// waits, in order: a large lease can't be starved by small ones behind it. A lease is held while a request runs and
// never while its holder waits for anything else, so that waiting ends.

import { assert } from '../../shared/assert.ts';
import { asWarpError, type WarpError } from '../../shared/errors.ts';
import type { Range } from '../request.ts';
import type { Region } from '../region.ts';

export interface ArenaOptions {
  readonly blocks: number;
  readonly blockBytes: number;
}

interface Waiting {
  readonly count: number;
  readonly resolve: (lease: Lease) => void;
  readonly reject: (error: WarpError) => void;
}

export class Arena {
  readonly #share: (bytes: number) => Promise<Region>;
  readonly #options: ArenaOptions;
  #field: Field | undefined = undefined;
  #isSharing = false;
  readonly #waiting: Waiting[] = [];

  /** `share`: obtains a region, as `Connection.share` does. */
  constructor(share: (bytes: number) => Promise<Region>, options: ArenaOptions) {
    this.#share = share;
    this.#options = options;
  }

  /** The largest lease, bytes. */
  get bytesMax(): number {
    return this.#options.blocks * this.#options.blockBytes;
  }

  /** Resolves with memory for 1 to `bytesMax` bytes, as soon as there is. Throws what obtaining the region throws. */
  take(bytes: number): Promise<Lease> {
    const count = Math.ceil(bytes / this.#options.blockBytes);
    assert(count >= 1 && count <= this.#options.blocks, `a lease of ${bytes} bytes fits the arena`);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ count, resolve, reject });
      this.#serve();
    });
  }

  #serve(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const field = this.#field;
      if (field === undefined) {
        if (!this.#isSharing) void this.#obtain();
        return;
      }
      const start = field.takeRun(first.count);
      if (start === -1) return;
      this.#waiting.shift();
      first.resolve(new Lease(field, start, first.count, this.#events));
    }
  }

  async #obtain(): Promise<void> {
    this.#isSharing = true;
    try {
      this.#field = new Field(await this.#share(this.bytesMax), this.#options);
    } catch (error) {
      const failure = asWarpError(error, 'share memory for the helpers');
      for (const { reject } of this.#waiting.splice(0)) reject(failure);
    }
    this.#isSharing = false;
    this.#serve();
  }

  readonly #events: LeaseEvents = {
    onReleased: (field) => {
      field.releaseIfRetired();
      this.#serve();
    },
    onAbandoned: (field) => {
      if (this.#field === field) this.#field = undefined;
      field.retire();
    },
  };
}

interface LeaseEvents {
  onReleased(field: Field): void;
  onAbandoned(field: Field): void;
}

/** One region and which of its blocks are taken. */
class Field {
  readonly region: Region;
  readonly blockBytes: number;
  readonly #isTaken: Uint8Array;
  #leases = 0;
  #isRetired = false;

  constructor(region: Region, { blocks, blockBytes }: ArenaOptions) {
    this.region = region;
    this.blockBytes = blockBytes;
    this.#isTaken = new Uint8Array(blocks);
  }

  /** Takes the lowest run of `count` free blocks, so that few pages are ever touched; -1 if there is none. */
  takeRun(count: number): number {
    let start = 0;
    for (let block = 0; block < this.#isTaken.length; block++) {
      if (this.#isTaken[block] === 1) start = block + 1;
      if (block + 1 - start < count) continue;
      this.#isTaken.fill(1, start, start + count);
      this.#leases += 1;
      return start;
    }
    return -1;
  }

  giveRun(start: number, count: number): void {
    this.#isTaken.fill(0, start, start + count);
    this.#leases -= 1;
  }

  retire(): void {
    this.#isRetired = true;
  }

  releaseIfRetired(): void {
    if (!this.#isRetired || this.#leases > 0) return;
    // If that fails the connection is ending, and the region with it.
    this.region.release().catch(() => {});
  }
}

/** Some memory of the arena. It ends with `release` or `abandon`. */
export class Lease {
  readonly #field: Field;
  readonly #start: number;
  readonly #count: number;
  readonly #events: LeaseEvents;
  #isOver = false;

  /** For Arena only. */
  constructor(field: Field, start: number, count: number, events: LeaseEvents) {
    this.#field = field;
    this.#start = start;
    this.#count = count;
    this.#events = events;
  }

  get bytes(): number {
    return this.#count * this.#field.blockBytes;
  }

  /** A part of the lease as requests name it; `offset` counts from its beginning. */
  range(offset: number, bytes: number): Range {
    assert(!this.#isOver, 'the lease is held');
    assert(offset >= 0 && bytes >= 0 && offset + bytes <= this.bytes, 'a range lies within its lease');
    return { region: this.#field.region, offset: this.#start * this.#field.blockBytes + offset, bytes };
  }

  /** The memory of a part of the lease. */
  view(offset: number, bytes: number): Buffer {
    const { region, offset: start } = this.range(offset, bytes);
    return region.buffer.subarray(start, start + bytes);
  }

  release(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#field.giveRun(this.#start, this.#count);
    this.#events.onReleased(this.#field);
  }

  /**
   * Gives the lease back although a device may still write to it: a request was lost that may be running. Nothing
   * of the region is lent again; the next lease obtains another region.
   */
  abandon(): void {
    if (this.#isOver) return;
    this.#events.onAbandoned(this.#field);
    this.release();
  }
}
