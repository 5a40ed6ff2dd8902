// The table of drivers: what a device of each offers, and how its ports are opened.

import type { AlgorithmName } from '../shared/operations.ts';
import type { Descriptor } from '../sys/fd.ts';
import { nullDriver, openNullPort } from './null/driver.ts';
import type { Port, PortEvents } from './port.ts';
import { softDriver } from './soft/driver.ts';
import { DeviceMemory } from './spimdev/device-memory.ts';
import type { SpimdevHost } from './spimdev/host.ts';
import { openSpimdevPort } from './spimdev/port.ts';
import type { SoftBackend, SoftFaults } from './soft/options.ts';
import { openSoftPort } from './soft/worker-port.ts';

/** A device as an administrator configures it: `driver` selects the line of the table. */
export type DeviceOptions = {
  /** Hardware queues that are kept back, of those that there are. */
  readonly reserve: number;
} & (
  | {
      readonly driver: 'soft';
      readonly queues: number;
      readonly backend: SoftBackend;
      readonly request_millis_max: number;
      readonly faults: SoftFaults;
    }
  | {
      readonly driver: 'spimdev';
      /** Name in /sys/class/spimdev. */
      readonly parent: string;
      readonly algorithm: AlgorithmName;
      /** Hardware queues to take. */
      readonly queues: number;
      readonly request_millis_max: number;
    }
  | { readonly driver: 'null' }
);

export interface DriverEntry {
  readonly algorithms: readonly AlgorithmName[];
  /** Hardware queues. */
  readonly ports: number;
  /** The longest that one request may run, milliseconds. */
  readonly requestMillisMax: number;
  /** It completes each request while it takes it, in no time that is worth measuring: nothing ever waits for it. */
  readonly completesAtOnce: boolean;
  /** Its ports compute on this host's processors. */
  readonly usesCores: boolean;
  /** Reaching memory costs: it reaches the regions of those channels that have queues on it. */
  readonly reachesOnDemand: boolean;
  /** `lifeline`: a descriptor that processes of the port hold for as long as they live. */
  open(index: number, events: PortEvents, lifeline: Descriptor): Port;
}

interface Surroundings {
  readonly name: string;
  /** The largest input or output of a request, bytes. */
  readonly requestBytesMax: number;
  /** Who opens the device, for those that are hardware. */
  readonly host: SpimdevHost;
}

type Options<Name extends DeviceOptions['driver']> = Extract<DeviceOptions, { readonly driver: Name }>;

const entries: {
  readonly [Name in DeviceOptions['driver']]: (device: Options<Name>, given: Surroundings) => DriverEntry;
} = { soft: softEntry, spimdev: spimdevEntry, null: nullEntry };

/** Looks a device up. */
export function driverEntry(device: DeviceOptions, given: Surroundings): DriverEntry {
  const entry = entries[device.driver] as (device: DeviceOptions, given: Surroundings) => DriverEntry;
  return entry(device, given);
}

function softEntry(device: Options<'soft'>, { name, requestBytesMax }: Surroundings): DriverEntry {
  const options = { backend: device.backend, requestBytesMax, faults: device.faults };
  return {
    algorithms: softDriver.algorithms,
    ports: device.queues - device.reserve,
    requestMillisMax: device.request_millis_max,
    completesAtOnce: false,
    usesCores: true,
    reachesOnDemand: false,
    open: (index, events, lifeline) => openSoftPort(`${name}.${index}`, options, events, lifeline),
  };
}

function spimdevEntry(device: Options<'spimdev'>, { host }: Surroundings): DriverEntry {
  let memory: DeviceMemory | undefined;
  return {
    algorithms: [device.algorithm],
    ports: device.queues - device.reserve,
    requestMillisMax: device.request_millis_max,
    completesAtOnce: false,
    usesCores: false,
    reachesOnDemand: true,
    open: (_index, events) => {
      // What one port can reach all of the device can.
      memory ??= new DeviceMemory(host);
      return openSpimdevPort(host, memory, events);
    },
  };
}

function nullEntry(): DriverEntry {
  return {
    algorithms: nullDriver.algorithms,
    ports: 1,
    requestMillisMax: 1_000,
    completesAtOnce: true,
    usesCores: false,
    reachesOnDemand: false,
    open: (_index, events) => openNullPort(events),
  };
}
