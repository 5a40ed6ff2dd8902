// Memory for the payloads of one channel's requests: leases in a region that the broker maps and devices read and write.
//
//     area    | lease | lease |      free      | lease |     4 MiB in blocks; made when the first payload comes
//     large   | one lease |                                  a region of its own for a request that needs more
//
// What doesn't fit waits, and with it whatever the client sends after it: so no client holds more than the area and
// one large region.

import { present } from '../../../shared/assert.ts';
import { asWarpError, type WarpError } from '../../../shared/errors.ts';
import type { Mapping } from '../../../sys/memory.ts';

const BLOCK_BYTES = 4_096;
const AREA_BLOCKS = 1_024;
const AREA_BYTES = AREA_BLOCKS * BLOCK_BYTES;

/** A region that was lent for payloads. */
export interface PayloadRegion {
  readonly region: number;
  readonly mapping: Mapping;
  /** Gives it back; nobody uses its mapping any more. */
  release(): void;
}

/** A part of the memory, for one request. */
export interface Lease {
  readonly region: number;
  /** In the region, bytes. */
  readonly offset: number;
  /** The whole region. */
  readonly memory: Buffer;
  release(): void;
}

export class PayloadMemory {
  readonly #make: (bytes: number) => Promise<PayloadRegion>;
  readonly #onRoom: () => void;
  #area: PayloadRegion | undefined = undefined;
  readonly #isTaken = new Uint8Array(AREA_BLOCKS);
  /** Where the search for free blocks begins. */
  #next = 0;
  #large: PayloadRegion | undefined = undefined;
  #isMaking = false;
  /** A large region was made for the request that waits. */
  #isLargeReady = false;
  #failure: WarpError | undefined = undefined;
  #isClosed = false;

  /** `make`: lends a region. `onRoom`: what could not be had may be had now. */
  constructor(make: (bytes: number) => Promise<PayloadRegion>, onRoom: () => void) {
    this.#make = make;
    this.#onRoom = onRoom;
  }

  /** Memory for `bytes` bytes; undefined if there is none now. Throws why there will be none, QUOTA_EXCEEDED say. */
  take(bytes: number): Lease | undefined {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
    return bytes <= AREA_BYTES ? this.#takeBlocks(Math.ceil(bytes / BLOCK_BYTES)) : this.#takeLarge(bytes);
  }

  #takeBlocks(count: number): Lease | undefined {
    const area = this.#area;
    if (area === undefined) {
      void this.#obtain(AREA_BYTES, (made) => (this.#area = made));
      return undefined;
    }
    const first = this.#findRun(count);
    if (first === -1) return undefined;
    this.#isTaken.fill(1, first, first + count);
    this.#next = first + count;
    const release = (): void => void this.#isTaken.fill(0, first, first + count);
    return { region: area.region, offset: first * BLOCK_BYTES, memory: area.mapping.buffer, release };
  }

  /** Free blocks side by side: where they begin, -1 if there are not so many. */
  #findRun(count: number): number {
    const start = this.#next + count <= AREA_BLOCKS ? this.#next : 0;
    const found = findFree(this.#isTaken, count, start);
    return found === -1 && start > 0 ? findFree(this.#isTaken, count, 0) : found;
  }

  #takeLarge(bytes: number): Lease | undefined {
    const large = this.#large;
    if (large === undefined) {
      void this.#obtain(bytes, (made) => {
        this.#large = made;
        this.#isLargeReady = true;
      });
      return undefined;
    }
    if (!this.#isLargeReady) return undefined;
    this.#isLargeReady = false;
    const release = (): void => {
      this.#large = undefined;
      large.release();
    };
    return { region: large.region, offset: 0, memory: large.mapping.buffer, release };
  }

  async #obtain(bytes: number, use: (made: PayloadRegion) => void): Promise<void> {
    if (this.#isMaking) return;
    this.#isMaking = true;
    try {
      const made = await this.#make(bytes);
      use(made);
    } catch (error) {
      this.#failure = asWarpError(error, `make room for payloads of ${bytes} bytes`);
    }
    this.#isMaking = false;
    if (!this.#isClosed) this.#onRoom();
  }

  /** The channel has ended, and with it what it was lent. */
  close(): void {
    this.#isClosed = true;
  }
}

function findFree(isTaken: Uint8Array, count: number, start: number): number {
  let run = 0;
  for (let block = start; block < isTaken.length; block++) {
    run = present(isTaken[block], 'a block of the area') === 0 ? run + 1 : 0;
    if (run === count) return block - count + 1;
  }
  return -1;
}
