// What a queue reaches where no IOMMU keeps its device from all other memory: slots in one pinned page that no tenant
// maps, each with a part for the input of a request and one for its output.
//
//     physical address --> | in 0 | out 0 | in 1 | out 1 | ...
//
// Tenants' own regions can't be given to such a device: their pages may be freed while it writes there.

import { assert } from '../../shared/assert.ts';
import { mapBare, type Mapping } from '../../sys/memory.ts';
import type { BounceMemory } from './host.ts';
import type { DeviceAddresses } from './transport.ts';

/**
 * The memory is kept for so long after its queue was stopped: a request that the device has begun may still write into it,
 * and when the host is lost nobody else holds it. Milliseconds.
 */
export const BOUNCE_GRACE_MILLIS = 30_000;

export class BouncePool implements DeviceAddresses {
  readonly slots: number;
  /** Bytes of an input, and of an output. */
  readonly partBytes: number;
  readonly #address: number;
  readonly #mapping: Mapping;

  /** Closes the memory's descriptor. `partBytes`: of the largest request. */
  constructor({ memory, bytes, address }: BounceMemory, partBytes: number) {
    assert(partBytes > 0 && 2 * partBytes <= bytes, 'there is room for one request');
    this.slots = Math.floor(bytes / (2 * partBytes));
    this.partBytes = partBytes;
    this.#address = address;
    try {
      this.#mapping = mapBare(memory, bytes);
    } finally {
      memory.close();
    }
  }

  get buffer(): Buffer {
    return this.#mapping.buffer;
  }

  /** The handles of a slot's parts, for the driver. */
  inputOf(slot: number): number {
    return 2 * slot;
  }

  outputOf(slot: number): number {
    return 2 * slot + 1;
  }

  addressOf(part: number): number {
    return this.#address + part * this.partBytes;
  }

  /** Where in the buffer a part begins. */
  offsetOf(part: number): number {
    return part * this.partBytes;
  }

  /** Its queue is stopped, and nobody uses it here any more. */
  release(): void {
    setTimeout(() => this.#mapping.unmap(), BOUNCE_GRACE_MILLIS).unref();
  }
}
