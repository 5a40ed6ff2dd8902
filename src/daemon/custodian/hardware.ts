// All hardware devices of the configuration, as the custodian owns them: started in order, stopped in reverse, each by
// itself. A device that can't be had doesn't keep the others from serving.

import type { AlgorithmName } from '../../shared/operations.ts';
import { asWarpError, WarpError } from '../../shared/errors.ts';
import { IovaSpace } from './iova-space.ts';
import { MdevStore } from './mdev-store.ts';
import { SpimdevDevice } from './spimdev-device.ts';

/** What is left of an earlier life is given this long to go away, at the start, milliseconds. */
const LEFTOVER_MILLIS_MAX = 5_000;

export interface SpimdevConfiguration {
  /** Name in /sys/class/spimdev. */
  readonly parent: string;
  readonly algorithm: AlgorithmName;
}

export interface HardwareOptions {
  /** Where the marks of our mdevs are kept: it has to outlive the custodian. */
  readonly stateDir: string;
  readonly allowNoiommu: boolean;
  /** For the log: what can't be used, or is left behind, and why. */
  readonly onTrouble: (device: string, error: WarpError) => void;
  readonly root?: string;
}

export class Hardware {
  readonly #options: HardwareOptions;
  readonly #store: MdevStore;
  readonly #devices = new Map<string, SpimdevDevice>();
  readonly #failures = new Map<string, WarpError>();
  /** Addresses by parent: its mdevs may share one IOMMU domain. */
  readonly #iovas = new Map<string, IovaSpace>();

  /** Throws ALREADY_RUNNING if another process owns the state folder. */
  static async start(
    devices: Readonly<Record<string, SpimdevConfiguration>>,
    options: HardwareOptions,
  ): Promise<Hardware> {
    const { stateDir, root } = options;
    const store = new MdevStore({ stateDir, ...(root === undefined ? {} : { root }) });
    const hardware = new Hardware(options, store);
    const leftovers = await store.removeLeftovers({ deadlineMillis: LEFTOVER_MILLIS_MAX });
    for (const [{ parent, uuid }, error] of leftovers) options.onTrouble(`${parent} ${uuid}`, error);
    for (const [name, device] of Object.entries(devices)) await hardware.#start(name, device);
    return hardware;
  }

  private constructor(options: HardwareOptions, store: MdevStore) {
    this.#options = options;
    this.#store = store;
  }

  /** Throws why a device can't be used: NO_SUCH_DEVICE, or what was wrong at its start. */
  device(name: string): SpimdevDevice {
    const device = this.#devices.get(name);
    if (device !== undefined) return device;
    throw (
      this.#failures.get(name) ?? new WarpError('NO_SUCH_DEVICE', { operation: `use the device "${name}"` })
    );
  }

  /** Stops all queues, unmaps all memory, removes our mdevs. */
  async close(): Promise<void> {
    for (const [name, device] of [...this.#devices].reverse()) {
      await device.close().catch((error: unknown) => this.#note(name, error));
    }
    this.#devices.clear();
    this.#store.close();
  }

  async #start(name: string, { parent, algorithm }: SpimdevConfiguration): Promise<void> {
    const { allowNoiommu, root } = this.#options;
    const iovas = this.#iovas.get(parent) ?? new IovaSpace();
    this.#iovas.set(parent, iovas);
    const store = this.#store;
    const options = {
      parent,
      algorithm,
      allowNoiommu,
      store,
      iovas,
      ...(root === undefined ? {} : { root }),
    };
    try {
      this.#devices.set(name, await SpimdevDevice.start(options));
    } catch (error) {
      this.#failures.set(name, this.#note(name, error));
    }
  }

  #note(name: string, error: unknown): WarpError {
    const reason = asWarpError(error, `run the device "${name}"`);
    this.#options.onTrouble(name, reason);
    return reason;
  }
}
