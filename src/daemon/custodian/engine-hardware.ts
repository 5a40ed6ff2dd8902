// What one engine has of the hardware: the queues that it took and the memory that it mapped, for the tenants that share
// them. It ends with the engine's link, however that ends: then the queues are stopped and the memory unmapped, so that
// nothing of a dead engine moves when the next one goes on.

import type { TakenQueue } from '../../hwdrivers/spimdev/host.ts';
import { WarpError } from '../../shared/errors.ts';
import type { Fd } from '../../sys/fd.ts';
import type { Hardware } from './hardware.ts';
import type { SpimdevDevice } from './spimdev-device.ts';

interface Held {
  readonly device: SpimdevDevice;
  /** Numbers of its queues, addresses of what is mapped. */
  readonly queues: Set<number>;
  readonly addresses: Set<number>;
}

export class EngineHardware {
  readonly #hardware: Hardware;
  readonly #held = new Map<string, Held>();
  #isReleased = false;

  constructor(hardware: Hardware) {
    this.#hardware = hardware;
  }

  /** Throws why a device can't be used. */
  async check(name: string): Promise<void> {
    await this.#holdOf(name);
  }

  /** Waits in line for it. Its descriptor is the caller's. `mdev`: what it is of. */
  async takeQueue(name: string): Promise<TakenQueue & { readonly mdev: string }> {
    const held = await this.#holdOf(name);
    const taken = await held.device.takeQueue();
    if (this.#isReleased) {
      taken.fd.close();
      taken.bounce?.memory.close();
      await held.device.returnQueue(taken.id);
      throw released(`take a hardware queue of "${name}"`);
    }
    held.queues.add(taken.id);
    return { ...taken, mdev: held.device.uuid };
  }

  async returnQueue(name: string, id: number): Promise<void> {
    const held = this.#held.get(name);
    if (held?.queues.delete(id) === true) await held.device.returnQueue(id);
  }

  /** Returns the device's address of the memory, if it has one, and closes its descriptor. */
  async mapMemory(name: string, memory: Fd, bytes: number): Promise<number | undefined> {
    try {
      const held = await this.#holdOf(name);
      const address = await held.device.mapMemory(memory, bytes);
      if (address === undefined) return undefined;
      if (this.#isReleased) {
        await held.device.unmapMemory(address);
        throw released(`map memory for "${name}"`);
      }
      held.addresses.add(address);
      return address;
    } finally {
      memory.close();
    }
  }

  async unmapMemory(name: string, address: number): Promise<void> {
    const held = this.#held.get(name);
    if (held?.addresses.delete(address) === true) await held.device.unmapMemory(address);
  }

  /** Resolves when no device moves anything of this engine any more. */
  async release(): Promise<void> {
    this.#isReleased = true;
    for (const { device, queues, addresses } of this.#held.values()) {
      for (const id of queues) await device.returnQueue(id);
      for (const address of addresses) await device.unmapMemory(address);
    }
    this.#held.clear();
  }

  /** A device that was started anew has nothing of what the one before had. */
  async #holdOf(name: string): Promise<Held> {
    const device = await this.#hardware.device(name);
    let held = this.#held.get(name);
    if (held?.device !== device) {
      held = { device, queues: new Set(), addresses: new Set() };
      this.#held.set(name, held);
    }
    return held;
  }
}

function released(operation: string): WarpError {
  return new WarpError('CANCELLED', { operation, found: 'the engine that asked is gone' });
}
