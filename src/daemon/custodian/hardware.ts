// The hardware devices of the configuration, as the custodian owns them: started in order, stopped in reverse, each by
// itself. A device that can't be had doesn't keep the others from serving, and is tried again when somebody asks for it.
//
//     device "edu0" --+-- the engine's mdev, made at the start
//                     +-- one for each tenant with queues of its own, while it has any (loans.ts)

import { existsSync } from 'node:fs';
import type { AlgorithmName } from '../../shared/operations.ts';
import { asWarpError, WarpError } from '../../shared/errors.ts';
import type { Configuration } from '../config/schema.ts';
import { type Mdev, MdevStore } from './mdev-store.ts';
import { ENGINE_USER, ParentUse, QueueBudget, tenantUser } from './parent-use.ts';
import { SpimdevDevice } from './spimdev-device.ts';

/** What is left of an earlier life is given this long to go away, at the start, milliseconds. */
const LEFTOVER_MILLIS_MAX = 5_000;

export interface SpimdevConfiguration {
  /** Name in /sys/class/spimdev. */
  readonly parent: string;
  readonly algorithm: AlgorithmName;
  /** Hardware queues that may be taken at once. */
  readonly queuesMax: number;
  /** Tenants may have some of their own. */
  readonly isDirect: boolean;
  readonly allowNoiommu: boolean;
}

/** The devices of a configuration that the custodian owns. */
export function hardwareOf({ devices }: Configuration): Record<string, SpimdevConfiguration> {
  const hardware: Record<string, SpimdevConfiguration> = {};
  for (const [name, device] of Object.entries(devices)) {
    if (device.driver !== 'spimdev') continue;
    const { parent, algorithm, queues, reserve, direct: isDirect, allow_noiommu: allowNoiommu } = device;
    hardware[name] = { parent, algorithm, queuesMax: queues - reserve, isDirect, allowNoiommu };
  }
  return hardware;
}

export interface HardwareOptions {
  /** Where the marks of our mdevs are kept: it has to outlive the custodian. */
  readonly stateDir: string;
  /** For the log: what can't be used, or is left behind, and why. */
  readonly onTrouble: (device: string, error: WarpError) => void;
  /** A device is used that no IOMMU keeps from all memory of the machine. */
  readonly onUnguarded: (device: string) => void;
  readonly root?: string;
}

interface Owned {
  readonly configuration: SpimdevConfiguration;
  readonly budget: QueueBudget;
  /** By user; each settles when the mdev is there, or can't be had. */
  readonly users: Map<string, Promise<SpimdevDevice>>;
  /** Those that are there. */
  readonly started: Set<SpimdevDevice>;
  /** What was told of it last: it is tried again and again. */
  trouble: string;
}

export interface OwnMdev extends Pick<Mdev, 'uuid' | 'type'> {
  /** Name in the configuration. */
  readonly device: string;
}

export class Hardware {
  readonly #options: HardwareOptions;
  /** Opened when there is something to do with it: most daemons have no such devices. */
  #store: Promise<MdevStore> | undefined;
  readonly #owned = new Map<string, Owned>();
  /** By parent: its mdevs may share one IOMMU domain. */
  readonly #uses = new Map<string, ParentUse>();

  /** Throws ALREADY_RUNNING if another process owns the state folder. */
  static async start(
    devices: Readonly<Record<string, SpimdevConfiguration>>,
    options: HardwareOptions,
  ): Promise<Hardware> {
    const hardware = new Hardware(options);
    if (existsSync(options.stateDir)) await hardware.#openStore();
    await hardware.configure(devices);
    return hardware;
  }

  private constructor(options: HardwareOptions) {
    this.#options = options;
  }

  /** Removes what an earlier life has left, once. */
  #openStore(): Promise<MdevStore> {
    const { stateDir, root, onTrouble } = this.#options;
    const open = async (): Promise<MdevStore> => {
      const store = new MdevStore({ stateDir, ...(root === undefined ? {} : { root }) });
      const leftovers = await store.removeLeftovers({ deadlineMillis: LEFTOVER_MILLIS_MAX });
      for (const [{ parent, uuid }, error] of leftovers) onTrouble(`${parent} ${uuid}`, error);
      return store;
    };
    this.#store ??= open().catch((error: unknown) => {
      this.#store = undefined;
      throw error;
    });
    return this.#store;
  }

  /** Owns these devices from now on. Those that are not among them, or are another way now, end with all they have. */
  async configure(devices: Readonly<Record<string, SpimdevConfiguration>>): Promise<void> {
    for (const [name, owned] of [...this.#owned].reverse()) {
      if (JSON.stringify(devices[name]) !== JSON.stringify(owned.configuration)) await this.#end(name, owned);
    }
    for (const [name, configuration] of Object.entries(devices)) {
      if (this.#owned.has(name)) continue;
      const budget = new QueueBudget(configuration.queuesMax);
      this.#owned.set(name, { configuration, budget, users: new Map(), started: new Set(), trouble: '' });
      // Why it can't be had is told by #start; who asks for it has it tried again.
      await this.device(name).catch(() => {});
    }
  }

  /** The engine's. Throws why it can't be used: NO_SUCH_DEVICE, or what was wrong at its start. */
  device(name: string): Promise<SpimdevDevice> {
    return this.#deviceOf(name, ENGINE_USER);
  }

  /** A tenant's own. Throws UNSUPPORTED where the device is not to be lent whole. */
  async deviceFor(name: string, tenant: string): Promise<SpimdevDevice> {
    if (this.#get(name).configuration.isDirect) return this.#deviceOf(name, tenantUser(tenant));
    const found = 'its hardware queues are not to be lent whole';
    const hint = `ask the administrator to set devices.${name}.direct`;
    throw new WarpError('UNSUPPORTED', { operation: `lend a hardware queue of "${name}"`, found, hint });
  }

  /** Ends a tenant's own device. */
  async endFor(name: string, tenant: string): Promise<void> {
    const owned = this.#owned.get(name);
    const user = tenantUser(tenant);
    const starting = owned?.users.get(user);
    if (owned === undefined || starting === undefined) return;
    owned.users.delete(user);
    const device = await starting.catch(() => undefined);
    if (device !== undefined) await this.#close(name, owned, device);
  }

  /** The mdevs that there are at the moment. */
  mdevs(): OwnMdev[] {
    return [...this.#owned].flatMap(([device, { started }]) =>
      [...started].map(({ uuid, type }) => ({ uuid, type, device })),
    );
  }

  /** Stops all queues, unmaps all memory, removes our mdevs. */
  async close(): Promise<void> {
    await this.configure({});
    (await this.#store)?.close();
  }

  #get(name: string): Owned {
    const owned = this.#owned.get(name);
    if (owned !== undefined) return owned;
    const found = `there are ${[...this.#owned.keys()].join(', ') || 'none'}`;
    throw new WarpError('NO_SUCH_DEVICE', { operation: `use the hardware device "${name}"`, found });
  }

  async #deviceOf(name: string, user: string): Promise<SpimdevDevice> {
    const owned = this.#get(name);
    const known = await owned.users.get(user);
    if (known !== undefined && !known.isGone) return known;
    // Others may have asked at the same time.
    if (known !== undefined && owned.started.has(known)) {
      owned.users.delete(user);
      await this.#close(name, owned, known);
    }
    let starting = owned.users.get(user);
    if (starting === undefined) {
      starting = this.#start(name, owned, user);
      owned.users.set(user, starting);
      starting.catch(() => owned.users.delete(user));
    }
    return starting;
  }

  async #start(name: string, owned: Owned, user: string): Promise<SpimdevDevice> {
    const { root } = this.#options;
    const { configuration, budget } = owned;
    const { parent } = configuration;
    const use = this.#uses.get(parent) ?? new ParentUse();
    this.#uses.set(parent, use);
    try {
      const options = { ...configuration, store: await this.#openStore(), use, user, budget };
      const device = await SpimdevDevice.start({ ...options, ...(root === undefined ? {} : { root }) });
      owned.started.add(device);
      owned.trouble = '';
      if (device.mode === 'physical') this.#options.onUnguarded(name);
      return device;
    } catch (error) {
      throw this.#note(name, owned, error);
    }
  }

  async #end(name: string, owned: Owned): Promise<void> {
    this.#owned.delete(name);
    await Promise.allSettled(owned.users.values());
    for (const device of [...owned.started].reverse()) await this.#close(name, owned, device);
  }

  async #close(name: string, owned: Owned, device: SpimdevDevice): Promise<void> {
    owned.started.delete(device);
    await device.close().catch((error: unknown) => this.#note(name, owned, error));
  }

  #note(name: string, owned: Owned, error: unknown): WarpError {
    const reason = asWarpError(error, `run the device "${name}"`);
    // Hints change with what else there is.
    const trouble = `${reason.operation}: ${reason.found}`;
    if (owned.trouble !== trouble) this.#options.onTrouble(name, reason);
    owned.trouble = trouble;
    return reason;
  }
}
