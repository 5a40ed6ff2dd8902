// The regions that one device can reach: mapped once, for all of its ports. A region is added by each port and goes
// with the last one that removes it. When the host was lost, all are mapped again, at other addresses; until then
// requests that name them wait. Where the device is to reach no region itself, they are mapped into this process, for
// those who copy.

import { WarpError } from '../../shared/errors.ts';
import type { Fd } from '../../sys/fd.ts';
import { mapBare, type Mapping } from '../../sys/memory.ts';
import type { CopiedMemory } from './bounce-queue.ts';
import type { SpimdevHost } from './host.ts';
import { ADDRESS_NONE, ADDRESS_PENDING, type DeviceAddresses } from './transport.ts';

interface MappedRegion {
  /** Its owner's: open until the last port has removed the region. */
  readonly memory: Fd;
  readonly bytes: number;
  ports: number;
  address: number;
  /** Where requests have to be copied. */
  copied: Mapping | undefined;
  /** The mapping that counts: settles when it is there, or has failed. */
  mapping: Promise<void>;
}

export class DeviceMemory implements DeviceAddresses, CopiedMemory {
  readonly #host: SpimdevHost;
  readonly #regions = new Map<number, MappedRegion>();
  readonly #listeners = new Set<() => void>();

  constructor(host: SpimdevHost) {
    this.#host = host;
    host.onRenewed(() => {
      for (const region of this.#regions.values()) this.#map(region);
    });
  }

  addressOf(handle: number): number {
    return this.#regions.get(handle)?.address ?? ADDRESS_NONE;
  }

  bufferOf(handle: number): Buffer | undefined {
    return this.#regions.get(handle)?.copied?.buffer;
  }

  /** Calls back whenever a region has got its address, or can't have one; returns how to end that. */
  listen(onSettled: () => void): () => void {
    this.#listeners.add(onSettled);
    return () => this.#listeners.delete(onSettled);
  }

  /** Resolves when the region has its address, or can't have one at the moment. */
  add(handle: number, memory: Fd, bytes: number): Promise<void> {
    const known = this.#regions.get(handle);
    if (known !== undefined) {
      known.ports += 1;
      return known.mapping;
    }
    const region: MappedRegion = {
      memory,
      bytes,
      ports: 1,
      address: ADDRESS_PENDING,
      copied: undefined,
      mapping: Promise.resolve(),
    };
    this.#regions.set(handle, region);
    this.#map(region);
    return region.mapping;
  }

  /** The device serves, maybe again: what could not be mapped before is tried once more. */
  retry(): void {
    for (const region of this.#regions.values()) {
      if (region.address === ADDRESS_NONE && region.copied === undefined) this.#map(region);
    }
  }

  remove(handle: number): void {
    const region = this.#regions.get(handle);
    if (region === undefined) return;
    region.ports -= 1;
    if (region.ports > 0) return;
    this.#regions.delete(handle);
    region.copied?.unmap();
    region.copied = undefined;
    void region.mapping.then(() =>
      // If the host is gone its mappings are, too.
      region.address < 0 ? undefined : this.#host.unmapMemory(region.address).catch(() => {}),
    );
  }

  #map(region: MappedRegion): void {
    region.address = ADDRESS_PENDING;
    const mapping: Promise<void> = this.#addressFor(region, () => region.mapping === mapping).then(
      (address) => {
        // The host was lost meanwhile: a later mapping counts.
        if (region.mapping !== mapping) return;
        region.address = address;
        for (const onSettled of this.#listeners) onSettled();
      },
    );
    region.mapping = mapping;
  }

  /** Requests that name a region without an address complete with a code; why there is none is the host's to tell. */
  async #addressFor(region: MappedRegion, counts: () => boolean): Promise<number> {
    let own: Fd | undefined;
    try {
      // A descriptor of its own: the region may be removed, and its memory closed, before the host has answered.
      own = region.memory.dup();
      const address = await this.#host.mapMemory(own, region.bytes);
      if (address === undefined && region.ports > 0 && counts()) region.copied ??= mapBare(own, region.bytes);
      return address ?? ADDRESS_NONE;
    } catch (error) {
      return isHostLost(error) ? ADDRESS_PENDING : ADDRESS_NONE;
    } finally {
      own?.close();
    }
  }
}

/** It is there again soon, and all is mapped anew. */
function isHostLost(error: unknown): boolean {
  return error instanceof WarpError && error.code === 'ENGINE_UNAVAILABLE';
}
