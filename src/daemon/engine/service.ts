// What the engine does for the broker: the calls of engineContract, each a few lines on leases and devices.

import { setTimeout } from 'node:timers/promises';
import type { z } from 'zod';
import { present } from '../../shared/assert.ts';
import { errorNumber, WarpError } from '../../shared/errors.ts';
import type { SessionParameters } from '../../shared/operations.ts';
import { Tally } from '../../shared/tally.ts';
import type { Fd } from '../../sys/fd.ts';
import {
  CHANNELS_LISTED_MAX,
  type ChannelInventory,
  type engineContract,
  QUEUES_LISTED_MAX,
  TENANTS_LISTED_MAX,
} from '../contracts.ts';
import type { Handlers, WithFds } from '../link.ts';
import type { Device } from './device.ts';
import type { Engine } from './engine.ts';
import type { Lease, Leases, Queues } from './leases.ts';

const CANCELLED = errorNumber('CANCELLED');
const DAEMON_STOPPING = errorNumber('DAEMON_STOPPING');
/** How often a drain looks whether all is done, milliseconds. */
const DRAIN_POLL_MILLIS = 5;

type Requests = typeof engineContract;
type RequestOf<Name extends keyof Requests> = z.infer<Requests[Name]['request']>;
type ReplyOf<Name extends keyof Requests> = z.infer<Requests[Name]['reply']>;
type Nothing = Record<string, never>;

export class EngineService implements Handlers<typeof engineContract> {
  readonly #engine: Engine;
  readonly #leases: Leases;
  readonly #queues: Queues;

  constructor(engine: Engine, leases: Leases, queues: Queues) {
    this.#engine = engine;
    this.#leases = leases;
    this.#queues = queues;
  }

  async openChannel(setup: RequestOf<'openChannel'>, fds: readonly Fd[]): Promise<Nothing> {
    const [memory, bell] = fds;
    await this.#leases.open(
      setup,
      present(memory, 'the memory of the channel'),
      present(bell, 'its doorbell'),
    );
    return {};
  }

  closeChannel({ channel, reason, graceMillis }: RequestOf<'closeChannel'>): Nothing {
    const lease = this.#findSettled(channel);
    if (lease === undefined) return {};
    if (graceMillis === 0) this.#leases.end(lease, errorNumber(reason));
    else void this.#endGently(lease, errorNumber(reason), performance.now() + graceMillis);
    return {};
  }

  cancelRequests({ channel, requests }: RequestOf<'cancelRequests'>): Nothing {
    const lease = this.#findSettled(channel);
    if (lease === undefined) return {};
    this.#queues.shared.cancel(lease, requests);
    return {};
  }

  /** The channel, if it is there, with all taken that its client has submitted until now: that came first. */
  #findSettled(channel: number): Lease | undefined {
    const lease = this.#leases.find(channel);
    if (lease !== undefined) this.#engine.takeFrom(lease.channel);
    // A client that broke the protocol has lost it by now.
    return this.#leases.find(channel);
  }

  async #endGently(lease: Lease, reason: number, endMillis: number): Promise<void> {
    const { channel } = lease;
    this.#engine.close(channel);
    while (channel.inFlight > 0 && !channel.isEnded && performance.now() < endMillis)
      await setTimeout(DRAIN_POLL_MILLIS);
    this.#leases.end(lease, reason);
  }

  async openQueue({
    channel,
    queue: number,
    device: name,
    algorithm,
    depth,
  }: RequestOf<'openQueue'>): Promise<Nothing> {
    const lease = this.#leases.get(channel);
    const device = this.#offered(name);
    if (device.state === 'failed')
      throw new WarpError('DEVICE_UNAVAILABLE', { operation: `open a queue on ${name}` });
    await this.#queues.shared.open(lease, { number, device, algorithm, depth });
    return {};
  }

  async openDirectQueue({
    channel,
    queue: number,
    device,
    algorithm,
    waitMillis,
  }: RequestOf<'openDirectQueue'>): Promise<WithFds<ReplyOf<'openDirectQueue'>>> {
    const lease = this.#leases.get(channel);
    const queue = { number, device: this.#offered(device).name, algorithm };
    const { fd, deviceApi } = await this.#queues.direct.open(lease, queue, waitMillis);
    return { reply: { deviceApi }, fds: [fd] };
  }

  async mapRegion({ channel, queue, region }: RequestOf<'mapRegion'>): Promise<ReplyOf<'mapRegion'>> {
    return { address: await this.#queues.direct.mapRegion(this.#leases.get(channel), queue, region) };
  }

  closeQueue({ channel, queue }: RequestOf<'closeQueue'>): Nothing {
    const lease = this.#findSettled(channel);
    if (lease === undefined) return {};
    this.#queues.direct.close(lease, queue);
    this.#queues.shared.close(lease, queue, CANCELLED);
    this.#engine.wake();
    return {};
  }

  setDrained({ device, isDrained }: RequestOf<'setDrained'>): Nothing {
    this.#device(device).isDrained = isDrained;
    return {};
  }

  takeQueuesBack({ device: name }: RequestOf<'takeQueuesBack'>): ReplyOf<'takeQueuesBack'> {
    const device = this.#device(name);
    for (const { channel } of this.#leases) {
      if (channel.queues.some((queue) => queue?.device === device)) this.#engine.takeFrom(channel);
    }
    const queues: ReplyOf<'takeQueuesBack'>['queues'] = [];
    for (const lease of this.#leases) {
      for (const queue of lease.channel.queues) {
        if (queue?.device !== device || queues.length === QUEUES_LISTED_MAX) continue;
        queues.push({ channel: lease.channel.id, queue: queue.number });
        this.#queues.shared.close(lease, queue.number, CANCELLED);
      }
      for (const { number, device: used } of lease.direct.values()) {
        if (used !== name || queues.length === QUEUES_LISTED_MAX) continue;
        queues.push({ channel: lease.channel.id, queue: number });
        this.#queues.direct.close(lease, number);
      }
      if (queues.length === QUEUES_LISTED_MAX) break;
    }
    this.#engine.wake();
    return { queues, queuesLent: device.queues, inFlight: device.inFlight };
  }

  openSession({ channel, session, algorithm, parameters }: RequestOf<'openSession'>): Nothing {
    const given: SessionParameters =
      parameters.kind === 'key'
        ? { algorithm, kind: 'key', key: Buffer.from(parameters.key, 'base64') }
        : { algorithm, kind: 'level', level: parameters.level };
    this.#leases.openSession(this.#leases.get(channel), session, given);
    return {};
  }

  closeSession({ channel, session }: RequestOf<'closeSession'>): Promise<Nothing> {
    return this.#patiently(channel, (lease, done) => this.#leases.closeSession(lease, session, done));
  }

  async addRegion({ channel, region, bytes }: RequestOf<'addRegion'>, fds: readonly Fd[]): Promise<Nothing> {
    const lease = this.#leases.get(channel);
    await this.#leases.addRegion(lease, region, present(fds[0], 'the memory of the region'), bytes);
    return {};
  }

  removeRegion({ channel, region }: RequestOf<'removeRegion'>): Promise<Nothing> {
    return this.#patiently(channel, (lease, done) => this.#leases.removeRegion(lease, region, done));
  }

  /** Resolves when it is done; at once if the channel is not there any more. */
  async #patiently(channel: number, start: (lease: Lease, done: () => void) => void): Promise<Nothing> {
    const lease = this.#findSettled(channel);
    if (lease === undefined) return {};
    await new Promise<void>((resolve) => start(lease, resolve));
    return {};
  }

  configureTenants({ tenants }: RequestOf<'configureTenants'>): Nothing {
    for (const { tenant: name, limits } of tenants) {
      const tenant = this.#leases.tenants.find(name);
      // One that is not known gets its limits with its first channel.
      if (tenant === undefined) continue;
      tenant.configure(limits, this.#engine.clock.nowMillis);
      this.#engine.unlimit(tenant);
    }
    return {};
  }

  usage({ from }: RequestOf<'usage'>): ReplyOf<'usage'> {
    const all = [...this.#leases.tenants];
    const listed = all.slice(from, from + TENANTS_LISTED_MAX);
    const tenants = listed.map(({ name, limits, inFlight }) => ({
      tenant: name,
      weight: limits.weight,
      inFlight,
    }));
    const usage = listed.flatMap((tenant) =>
      this.#engine.devices.map((device) => {
        const { waits, ...counts } = device.usageOf(tenant).counts();
        return { tenant: tenant.name, device: device.name, waits: [...waits], ...counts };
      }),
    );
    const used = usage.filter(({ requests }) => requests > 0);
    return { tenants, usage: used, isLast: from + listed.length >= all.length };
  }

  status(): ReplyOf<'status'> {
    const direct = new Tally();
    for (const lease of this.#leases) for (const { device } of lease.direct.values()) direct.add(device);
    const devices = this.#engine.devices.map((device) => ({
      name: device.name,
      driver: device.description.driver,
      algorithms: [...device.description.algorithms],
      state: device.isDrained ? ('drained' as const) : device.state,
      hardwareQueues: device.description.ports,
      queuesLent: device.queues + direct.of(device.name),
      inFlight: device.inFlight,
      completed: device.completed,
      failed: device.failed,
      resets: device.resets,
      libraries: Object.fromEntries(device.libraries),
    }));
    const { turns, unvisited } = this.#engine;
    const loop = { gapMillis: unvisited.millis, gaps: unvisited.counts() };
    return { devices, channels: this.#leases.size, turns, loop };
  }

  queues({ channels }: RequestOf<'queues'>): ReplyOf<'queues'> {
    const queues: ReplyOf<'queues'>['queues'] = [];
    const leases = channels === null ? this.#leases : channels.map((id) => this.#leases.find(id));
    for (const lease of leases) {
      for (const queue of lease?.channel.queues ?? []) {
        if (queue === undefined) continue;
        if (queues.length === QUEUES_LISTED_MAX) return { queues };
        queues.push({
          channel: queue.channel.id,
          queue: queue.number,
          tenant: queue.channel.tenant.name,
          device: queue.device.name,
          algorithm: queue.algorithm,
          depth: queue.depth,
          inFlight: queue.inFlight,
          completed: queue.completed,
        });
      }
      for (const { number, device, algorithm } of lease?.direct.values() ?? []) {
        if (lease === undefined || queues.length === QUEUES_LISTED_MAX) return { queues };
        const { id, tenant } = lease.channel;
        // What goes through it nobody counts.
        const counts = { depth: 0, inFlight: 0, completed: 0 };
        queues.push({ channel: id, queue: number, tenant: tenant.name, device, algorithm, ...counts });
      }
    }
    return { queues };
  }

  inventory({ after }: RequestOf<'inventory'>): ReplyOf<'inventory'> {
    const ids = [...this.#leases].map(({ channel }) => channel.id).filter((id) => id > after);
    const listed = ids.sort((a, b) => a - b).slice(0, CHANNELS_LISTED_MAX);
    const channels = listed.map((id) => describe(this.#leases.get(id)));
    return { channels, isLast: listed.length === ids.length };
  }

  async drain({ timeoutMillis }: RequestOf<'drain'>): Promise<Nothing> {
    const endMillis = performance.now() + timeoutMillis;
    const isBusy = (): boolean => [...this.#leases].some(({ channel }) => channel.inFlight > 0);
    while (isBusy() && performance.now() < endMillis) await setTimeout(DRAIN_POLL_MILLIS);
    this.#leases.endAll(DAEMON_STOPPING);
    return {};
  }

  /** Gives devices nothing more, and waits until they hold nothing; what clients have sent stays in their channels. */
  async rest({ timeoutMillis }: { readonly timeoutMillis: number }): Promise<void> {
    const endMillis = performance.now() + timeoutMillis;
    this.#engine.isResting = true;
    while (this.#engine.devices.some(({ inFlight }) => inFlight > 0) && performance.now() < endMillis)
      await setTimeout(DRAIN_POLL_MILLIS);
  }

  /** A device that may get more queues. */
  #offered(name: string): Device {
    const device = this.#device(name);
    if (!device.isDrained) return device;
    throw new WarpError('DEVICE_UNAVAILABLE', {
      operation: `open a queue on ${name}`,
      found: `an administrator has taken ${name} out of use`,
      hint: 'ask the administrator',
    });
  }

  #device(name: string): Device {
    const device = this.#engine.devices.find((candidate) => candidate.name === name);
    if (device === undefined) throw new WarpError('NO_SUCH_DEVICE', { operation: `open a queue on ${name}` });
    return device;
  }
}

function describe({ setup, channel, sessions, regions, direct }: Lease): ChannelInventory {
  const shared = channel.queues.flatMap((queue) => queue?.number ?? []);
  const own = [...direct.values()].map(({ number }) => number);
  return {
    setup,
    queues: [...shared, ...own],
    sessions: [...sessions.keys()],
    regions: [...regions].map(([region, { bytes }]) => ({ region, bytes })),
  };
}
