// The regions that one device can reach: mapped once, for all of its ports. A region is added by each port and goes
// with the last one that removes it.

import { present } from '../../shared/assert.ts';
import type { Fd } from '../../sys/fd.ts';
import type { SpimdevHost } from './host.ts';
import { ADDRESS_NONE, ADDRESS_PENDING, type DeviceAddresses } from './transport.ts';

interface MappedRegion {
  ports: number;
  address: number;
  /** Settles when the mapping is there, or has failed. */
  readonly mapped: Promise<void>;
}

export class DeviceMemory implements DeviceAddresses {
  readonly #host: SpimdevHost;
  readonly #regions = new Map<number, MappedRegion>();
  readonly #listeners = new Set<() => void>();

  constructor(host: SpimdevHost) {
    this.#host = host;
  }

  addressOf(handle: number): number {
    return this.#regions.get(handle)?.address ?? ADDRESS_NONE;
  }

  /** Calls back whenever a region has got its address, or can't have one; returns how to end that. */
  listen(onSettled: () => void): () => void {
    this.#listeners.add(onSettled);
    return () => this.#listeners.delete(onSettled);
  }

  add(handle: number, memory: Fd, bytes: number): void {
    const known = this.#regions.get(handle);
    if (known !== undefined) {
      known.ports += 1;
      return;
    }
    // A descriptor of its own: the owner may close his before the host is asked.
    const own = memory.dup(memory.label);
    const mapping = this.#host.mapMemory(own, bytes).finally(() => own.close());
    const region: MappedRegion = {
      ports: 1,
      address: ADDRESS_PENDING,
      // Requests that name a region without an address complete with a code; why there is none is the host's to tell.
      mapped: mapping
        .catch(() => ADDRESS_NONE)
        .then((address) => {
          region.address = address;
          for (const onSettled of this.#listeners) onSettled();
        }),
    };
    this.#regions.set(handle, region);
  }

  remove(handle: number): void {
    const region = present(this.#regions.get(handle), `region ${handle} of the device`);
    region.ports -= 1;
    if (region.ports > 0) return;
    this.#regions.delete(handle);
    void region.mapped.then(() =>
      // If the host is gone its mappings are, too.
      region.address < 0 ? undefined : this.#host.unmapMemory(region.address).catch(() => {}),
    );
  }
}
