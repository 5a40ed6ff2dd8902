// What the engine does for the broker (engineContract): opens and ends channels, queues, sessions and regions, and
// tells how things stand. It owns every channel's mapping, doorbell and descriptors; the loop in engine.ts only
// moves requests.

import { availableParallelism } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { driverEntry } from '../../hwdrivers/drivers.ts';
import { assert, present } from '../../shared/assert.ts';
import { channelGeometry } from '../../shared/channel/layout.ts';
import { errorCode, errorNumber, WarpError } from '../../shared/errors.ts';
import { DOORBELL_BYTES_MAX } from '../../shared/limits.ts';
import { algorithmIndex, type SessionParameters } from '../../shared/operations.ts';
import { Doorbell } from '../../sys/doorbell.ts';
import type { Fd } from '../../sys/fd.ts';
import { checkSealed, type Mapping, mapShared } from '../../sys/memory.ts';
import type { Configuration } from '../config/schema.ts';
import { type engineContract, QUEUES_LISTED_MAX } from '../contracts.ts';
import type { Handlers } from '../link.ts';
import { Channel } from './channel.ts';
import { Device, type DeviceEvents } from './device.ts';
import { Engine } from './engine.ts';
import { NO_SLOT, Queue } from './queue.ts';
import { Tenant, type TenantLimits } from './tenant.ts';

const CANCELLED = errorNumber('CANCELLED');
const CLIENT_CLOSED = errorNumber('CLIENT_CLOSED');
const DAEMON_STOPPING = errorNumber('DAEMON_STOPPING');
const DOORBELL_GARBAGE = errorNumber('DOORBELL_GARBAGE');
/** How often a drain looks whether all is done, milliseconds. */
const DRAIN_POLL_MILLIS = 5;

type Requests = typeof engineContract;
type RequestOf<Name extends keyof Requests> = z.infer<Requests[Name]['request']>;

interface Region {
  readonly handle: number;
  readonly memory: Fd;
}

/** A channel with what the loop need not know. */
interface Lease {
  readonly channel: Channel;
  readonly memory: Fd;
  readonly mapping: Mapping;
  readonly doorbell: Doorbell;
  /** By the client's numbers. */
  readonly regions: Map<number, Region>;
  readonly sessions: Map<number, number>;
  /** Regions and sessions that are to go once no request in flight names them. */
  readonly leaving: Map<number, () => void>;
}

export class EngineService implements Handlers<typeof engineContract> {
  readonly engine: Engine;
  readonly #log: Logger;
  readonly #leases = new Map<number, Lease>();
  /** Also of channels that have ended, while a device still holds requests of them. */
  readonly #leasesByChannel = new WeakMap<Channel, Lease>();
  readonly #tenants = new Map<string, Tenant>();
  /** Handles of regions and sessions are used again once every device has forgotten them. */
  readonly #freeHandles: number[] = [];
  #nextHandle = 1;
  /** Set while a broker is connected. */
  onChannelEnded: (channel: number, reason: number) => void = () => {};

  constructor(configuration: Configuration, log: Logger) {
    this.#log = log;
    this.engine = new Engine(
      {
        onViolation: (channel) => this.#end(this.#lease(channel.id), channel.violation),
        ring: (channel) => this.#leases.get(channel.id)?.doorbell.ring(),
        onCompleted: (channel) => this.#afterCompletions(channel),
      },
      availableParallelism(),
    );
    for (const [name, device] of Object.entries(configuration.devices)) {
      this.engine.devices.push(this.#createDevice(name, device, configuration.limits));
    }
  }

  #createDevice(
    name: string,
    device: Configuration['devices'][string],
    limits: Configuration['limits'],
  ): Device {
    const entry = driverEntry(name, device, limits.request_bytes);
    const events: DeviceEvents = {
      onWake: () => this.engine.wake(),
      onTrouble: (_device, port, found, culprit) => {
        this.#log.warn({ device: name, port, tenant: culprit?.name, found }, 'a hardware queue was lost');
      },
    };
    return new Device({ name, driver: device.driver, ...entry }, this.engine.clock, events);
  }

  openChannel(request: RequestOf<'openChannel'>, fds: readonly Fd[]): Record<string, never> {
    const memory = present(fds[0], 'the memory of the channel');
    const bell = present(fds[1], 'the doorbell of the channel');
    assert(!this.#leases.has(request.channel), 'a channel is opened once');
    checkSealed(memory);
    const geometry = channelGeometry(request.slots);
    const mapping = mapShared(memory, geometry.totalBytes);
    // From here on it has an owner: the lease.
    const tenant = this.#tenant(request.tenant, request.limits);
    const channel = new Channel(request.channel, tenant, mapping.words(), geometry, (posted) =>
      this.engine.notePosted(posted),
    );
    const doorbell = new Doorbell(bell, {
      onRing: (bytes, isClean) => {
        if (!isClean || bytes > DOORBELL_BYTES_MAX) this.#end(this.#lease(channel.id), DOORBELL_GARBAGE);
        else this.engine.wakeChannel(channel);
      },
      onHangUp: () => this.#end(this.#lease(channel.id), CLIENT_CLOSED),
    });
    const lease: Lease = {
      channel,
      memory,
      mapping,
      doorbell,
      regions: new Map(),
      sessions: new Map(),
      leaving: new Map(),
    };
    this.#leases.set(channel.id, lease);
    this.#leasesByChannel.set(channel, lease);
    this.engine.wakeChannel(channel);
    return {};
  }

  closeChannel({ channel }: RequestOf<'closeChannel'>): Record<string, never> {
    const lease = this.#leases.get(channel);
    if (lease !== undefined) this.#end(lease, CLIENT_CLOSED);
    return {};
  }

  openQueue({
    channel,
    queue: number,
    device,
    algorithm,
    depth,
  }: RequestOf<'openQueue'>): Record<string, never> {
    const { channel: found } = this.#lease(channel);
    const target = this.#device(device);
    assert(found.queues[number] === undefined, 'the broker gives free queue numbers');
    if (target.state === 'failed') {
      throw new WarpError('ENGINE_UNAVAILABLE', {
        operation: `open a queue on ${device}`,
        found: 'the device has failed; it is tried again from time to time',
        hint: 'see the log of the daemon; "warpctl devices" tells when it is back',
      });
    }
    const flow = target.flowOf(found.tenant);
    const index = algorithmIndex(algorithm);
    found.queues[number] = new Queue(found, number, target, flow, { name: algorithm, index }, depth);
    target.queues += 1;
    return {};
  }

  closeQueue({ channel, queue: number }: RequestOf<'closeQueue'>): Record<string, never> {
    const lease = this.#leases.get(channel);
    const queue = lease?.channel.queues[number];
    if (lease !== undefined && queue !== undefined) this.#dropQueue(queue);
    this.engine.wake();
    return {};
  }

  openSession(request: RequestOf<'openSession'>): Record<string, never> {
    const { algorithm, session, parameters } = request;
    const lease = this.#lease(request.channel);
    const handle = this.#takeHandle();
    lease.sessions.set(session, handle);
    const given: SessionParameters =
      parameters.kind === 'key'
        ? { algorithm, kind: 'key', key: Buffer.from(parameters.key, 'base64') }
        : { algorithm, kind: 'level', level: parameters.level };
    for (const device of this.engine.devices) {
      if (device.description.algorithms.includes(algorithm)) device.addSession(handle, given);
    }
    lease.channel.sessionAlgorithms[session] = algorithmIndex(algorithm);
    lease.channel.sessionHandles[session] = handle;
    return {};
  }

  closeSession({ channel, session }: RequestOf<'closeSession'>): Promise<Record<string, never>> {
    const lease = this.#leases.get(channel);
    const handle = lease?.sessions.get(session);
    if (lease === undefined || handle === undefined) return Promise.resolve({});
    lease.channel.sessionHandles[session] = 0;
    lease.sessions.delete(session);
    return new Promise((resolve) => {
      this.#whenUnused(lease, handle, () => {
        this.#removeSession(handle);
        resolve({});
      });
    });
  }

  addRegion({ channel, region, bytes }: RequestOf<'addRegion'>, fds: readonly Fd[]): Record<string, never> {
    const memory = present(fds[0], 'the memory of the region');
    const lease = this.#lease(channel);
    assert(!lease.regions.has(region), 'the broker gives free region numbers');
    checkSealed(memory);
    const handle = this.#takeHandle();
    lease.regions.set(region, { handle, memory });
    for (const device of this.engine.devices) device.addRegion(handle, memory, bytes);
    lease.channel.regionHandles[region] = handle;
    lease.channel.regionBytes[region] = bytes;
    return {};
  }

  removeRegion({ channel, region: number }: RequestOf<'removeRegion'>): Promise<Record<string, never>> {
    const lease = this.#leases.get(channel);
    const region = lease?.regions.get(number);
    if (lease === undefined || region === undefined) return Promise.resolve({});
    lease.channel.regionBytes[number] = 0;
    lease.regions.delete(number);
    return new Promise((resolve) => {
      this.#whenUnused(lease, region.handle, () => {
        this.#removeRegion(region);
        resolve({});
      });
    });
  }

  status(): z.infer<Requests['status']['reply']> {
    const devices = this.engine.devices.map((device) => ({
      name: device.name,
      driver: device.description.driver,
      algorithms: [...device.description.algorithms],
      state: device.state,
      hardwareQueues: device.description.ports,
      queuesLent: device.queues,
      inFlight: device.inFlight,
      completed: device.completed,
      failed: device.failed,
      resets: device.resets,
      libraries: Object.fromEntries(device.libraries),
    }));
    return { devices, channels: this.#leases.size, turns: this.engine.turns };
  }

  queues({ channels }: RequestOf<'queues'>): z.infer<Requests['queues']['reply']> {
    const queues: z.infer<Requests['queues']['reply']>['queues'] = [];
    for (const id of channels ?? this.#leases.keys()) {
      for (const queue of this.#leases.get(id)?.channel.queues ?? []) {
        if (queue === undefined) continue;
        if (queues.length === QUEUES_LISTED_MAX) return { queues };
        queues.push({
          channel: id,
          queue: queue.number,
          tenant: queue.channel.tenant.name,
          device: queue.device.name,
          algorithm: queue.algorithm,
          depth: queue.depth,
          inFlight: queue.inFlight,
          completed: queue.completed,
        });
      }
    }
    return { queues };
  }

  async drain({ timeoutMillis }: RequestOf<'drain'>): Promise<Record<string, never>> {
    const endMillis = performance.now() + timeoutMillis;
    const isBusy = (): boolean => [...this.#leases.values()].some(({ channel }) => channel.inFlight > 0);
    while (isBusy() && performance.now() < endMillis) await setTimeout(DRAIN_POLL_MILLIS);
    this.endAll(DAEMON_STOPPING);
    return {};
  }

  /** Ends all channels, with an error number as the reason. */
  endAll(reason: number): void {
    for (const lease of this.#leases.values()) this.#end(lease, reason);
  }

  async close(): Promise<void> {
    this.endAll(DAEMON_STOPPING);
    await Promise.all(this.engine.devices.map((device) => device.close()));
  }

  #lease(channel: number): Lease {
    const lease = this.#leases.get(channel);
    if (lease === undefined) throw noSuchChannel(channel);
    return lease;
  }

  #device(name: string): Device {
    const device = this.engine.devices.find((candidate) => candidate.name === name);
    if (device === undefined) throw new WarpError('NO_SUCH_DEVICE', { operation: `open a queue on ${name}` });
    return device;
  }

  #tenant(name: string, limits: TenantLimits): Tenant {
    let tenant = this.#tenants.get(name);
    if (tenant === undefined) {
      tenant = new Tenant(name, limits);
      this.#tenants.set(name, tenant);
    }
    tenant.limits = limits;
    for (const device of this.engine.devices) device.flowOf(tenant).weight = limits.weight;
    return tenant;
  }

  /** Ends a channel: tells its client why, drops what waits, and frees everything once no device uses it. */
  #end(lease: Lease, reason: number): void {
    const { channel, doorbell } = lease;
    if (channel.isEnded) return;
    channel.end.close(reason);
    for (const queue of channel.queues) if (queue !== undefined) this.#dropQueue(queue);
    channel.isEnded = true;
    this.engine.forget(channel);
    this.#leases.delete(channel.id);
    doorbell.hangUp();
    doorbell.close();
    lease.mapping.unmap();
    lease.memory.close();
    for (const handle of lease.sessions.values())
      this.#whenUnused(lease, handle, () => this.#removeSession(handle));
    for (const region of lease.regions.values()) {
      this.#whenUnused(lease, region.handle, () => this.#removeRegion(region));
    }
    this.#log.info(
      { channel: channel.id, tenant: channel.tenant.name, reason: errorCode(reason) },
      'channel ended',
    );
    this.onChannelEnded(channel.id, reason);
  }

  /** Takes a queue back: what waits in it is cancelled, what a device holds completes. */
  #dropQueue(queue: Queue): void {
    const { channel, device } = queue;
    device.scheduler.remove(queue);
    while (queue.firstSlot !== NO_SLOT) channel.fail(queue, queue.shift(), CANCELLED);
    channel.queues[queue.number] = undefined;
    device.queues -= 1;
  }

  /** Acts once no request in flight names a handle, which is at once if none does. */
  #whenUnused(lease: Lease, handle: number, act: () => void): void {
    if (lease.channel.usedHandles().has(handle)) lease.leaving.set(handle, act);
    else act();
  }

  #afterCompletions(channel: Channel): void {
    const lease = this.#leasesByChannel.get(channel);
    if (lease === undefined || lease.leaving.size === 0) return;
    const used = channel.usedHandles();
    for (const [handle, act] of lease.leaving) {
      if (used.has(handle)) continue;
      lease.leaving.delete(handle);
      act();
    }
  }

  #takeHandle(): number {
    return this.#freeHandles.pop() ?? this.#nextHandle++;
  }

  #removeSession(handle: number): void {
    for (const device of this.engine.devices) device.removeSession(handle);
    this.#freeHandles.push(handle);
  }

  #removeRegion({ handle, memory }: Region): void {
    for (const device of this.engine.devices) device.removeRegion(handle);
    memory.close();
    this.#freeHandles.push(handle);
  }
}

function noSuchChannel(channel: number): WarpError {
  return new WarpError('NO_SUCH_CHANNEL', { operation: `use channel ${channel}` });
}
