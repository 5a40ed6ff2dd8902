// A channel that the broker holds in the name of a caller without shared memory: the client's end of its rings and
// doorbell, and the mappings of its regions. What goes through it is exchange.ts' business.

import { ClientEnd } from '../../../shared/channel/client-end.ts';
import { channelGeometry } from '../../../shared/channel/layout.ts';
import { Doorbell } from '../../../sys/doorbell.ts';
import type { Fd } from '../../../sys/fd.ts';
import { type Mapping, mapShared, roundToPages } from '../../../sys/memory.ts';

/** An Exchange call that doesn't come within this time ends the channel, milliseconds. */
const EXCHANGE_MILLIS_MAX = 10_000;

export interface HeldChannelEvents {
  onRing(): void;
  /** The engine has ended the channel; the reason is in its header. */
  onEnded(): void;
}

export class HeldChannel {
  readonly id: number;
  readonly end: ClientEnd;
  readonly words: Int32Array;
  /** The same memory. */
  readonly bytes: Buffer;
  readonly #mapping: Mapping;
  readonly #doorbell: Doorbell;
  readonly #regions = new Map<number, Mapping>();
  /** Regions that the broker has made for itself. */
  readonly #reserved = new Set<number>();
  readonly #timer: NodeJS.Timeout;
  #user: HeldChannelEvents | undefined = undefined;
  #isClosed = false;

  /** Takes the memory and the client's end of the doorbell over. */
  constructor(id: number, slots: number, memory: Fd, doorbell: Fd) {
    this.id = id;
    const geometry = channelGeometry(slots);
    try {
      this.#mapping = mapShared(memory, geometry.totalBytes);
    } catch (error) {
      doorbell.close();
      throw error;
    } finally {
      memory.close();
    }
    this.words = this.#mapping.words();
    this.bytes = this.#mapping.buffer;
    this.end = new ClientEnd(this.words, geometry);
    this.#timer = setTimeout(() => this.close(), EXCHANGE_MILLIS_MAX);
    this.#doorbell = new Doorbell(doorbell, {
      onRing: () => this.#user?.onRing(),
      onHangUp: () => this.ended(),
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** An Exchange call uses the channel from now on, until it closes it; false if one does already. */
  use(user: HeldChannelEvents): boolean {
    if (this.#user !== undefined) return false;
    clearTimeout(this.#timer);
    this.#user = user;
    return true;
  }

  ring(): void {
    this.#doorbell.ring();
  }

  /** Takes a region's memory over. */
  addRegion(number: number, memory: Fd, bytes: number): Mapping {
    try {
      const mapping = mapShared(memory, roundToPages(bytes));
      this.#regions.set(number, mapping);
      return mapping;
    } finally {
      memory.close();
    }
  }

  /** The memory of a region of the client's, while it is there: to be asked for again after each wait. */
  region(number: number): Buffer | undefined {
    return this.#reserved.has(number) ? undefined : this.#regions.get(number)?.buffer;
  }

  /** The region is not the client's: it can neither name nor release it. */
  reserve(number: number): void {
    this.#reserved.add(number);
  }

  isReserved(number: number): boolean {
    return this.#reserved.has(number);
  }

  dropRegion(number: number): void {
    this.#reserved.delete(number);
    this.#regions.get(number)?.unmap();
    this.#regions.delete(number);
  }

  /** The engine has ended the channel, as the doorbell says or the engine itself, whichever comes first. */
  ended(): void {
    if (!this.#isClosed) this.#user?.onEnded();
    this.close();
  }

  /** Hangs up: the engine ends the channel with all that it has. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#doorbell.close();
    for (const mapping of this.#regions.values()) mapping.unmap();
    this.#regions.clear();
    this.#mapping.unmap();
  }
}
