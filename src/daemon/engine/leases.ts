// What each channel has: its memory and doorbell, regions and sessions, each known to the loop, to the devices, to the
// ledger and to the vault. Whatever is taken here is given back here. Its queues are in shared-queues.ts and direct-queues.ts,
// and end with it.
//
//     open ----> live ----> ended (client gone, violation, daemon stops) ----> freed, once no device uses it
//     restore -^                    what another engine has left: adoption.ts

import type { Logger } from 'pino';
import { assert, present } from '../../shared/assert.ts';
import { channelGeometry, HEADER_BYTES } from '../../shared/channel/layout.ts';
import { errorCode, errorNumber, WarpError } from '../../shared/errors.ts';
import { DOORBELL_BYTES_MAX } from '../../shared/limits.ts';
import { algorithmIndex, type SessionParameters } from '../../shared/operations.ts';
import { Doorbell } from '../../sys/doorbell.ts';
import type { Fd } from '../../sys/fd.ts';
import { checkSealed, mapBare, type Mapping, punchOut } from '../../sys/memory.ts';
import type { ChannelSetup } from '../contracts.ts';
import { Channel } from './channel.ts';
import type { Device } from './device.ts';
import type { DirectQueue, DirectQueues } from './direct-queues.ts';
import type { Engine } from './engine.ts';
import { DIRECT_DEPTH } from './ledger-layout.ts';
import type { LedgeredQueue, LedgerRecord } from './ledger-record.ts';
import type { Ledger } from './ledger.ts';
import type { SharedQueues } from './shared-queues.ts';
import type { Tenant } from './tenant.ts';
import { Tenants } from './tenants.ts';
import type { Vault } from './vault.ts';

const TENANT_STOPPED = errorNumber('TENANT_STOPPED');
const CLIENT_CLOSED = errorNumber('CLIENT_CLOSED');
const DAEMON_STOPPING = errorNumber('DAEMON_STOPPING');
const DOORBELL_GARBAGE = errorNumber('DOORBELL_GARBAGE');
const INTERRUPTED = errorNumber('INTERRUPTED');
/** What a client may take to reap the last completions of a channel that we have ended, milliseconds. */
const REAP_MILLIS = 1_000;

interface Region {
  readonly handle: number;
  readonly memory: Fd;
  readonly bytes: number;
}

/** A channel with what the loop need not know. */
export interface Lease {
  readonly channel: Channel;
  readonly setup: ChannelSetup;
  readonly record: LedgerRecord;
  readonly memory: Fd;
  readonly mapping: Mapping;
  readonly doorbell: Doorbell;
  /** By the client's numbers. */
  readonly regions: Map<number, Region>;
  readonly sessions: Map<number, number>;
  /** Queues that are not the scheduler's, by number. */
  readonly direct: Map<number, DirectQueue>;
  /** Devices that reach the regions, of those that do on demand. */
  readonly reached: Set<Device>;
  /** Regions and sessions that are to go once no request in flight names them. */
  readonly leaving: Map<number, () => void>;
}

/** The descriptors of a channel whose engine has died. */
export interface LeftDescriptors {
  readonly memory: Fd;
  readonly bell: Fd;
  readonly regions: readonly (Region & { readonly number: number })[];
}

export interface Queues {
  readonly shared: SharedQueues;
  readonly direct: DirectQueues;
}

export class Leases {
  readonly tenants: Tenants;
  readonly #engine: Engine;
  readonly #ledger: Ledger;
  readonly #vault: Vault;
  readonly #queues: Queues;
  readonly #log: Logger;
  readonly #byChannel = new Map<number, Lease>();
  /** Also of channels that have ended, while a device still holds requests of them. */
  readonly #leases = new WeakMap<Channel, Lease>();
  /** Set while a broker is connected. */
  onEnded: (channel: number, reason: number) => void = () => {};

  constructor(engine: Engine, ledger: Ledger, vault: Vault, queues: Queues, log: Logger) {
    this.tenants = new Tenants(engine.devices);
    this.#queues = queues;
    this.#engine = engine;
    this.#ledger = ledger;
    this.#vault = vault;
    this.#log = log;
  }

  get size(): number {
    return this.#byChannel.size;
  }

  [Symbol.iterator](): IterableIterator<Lease> {
    return this.#byChannel.values();
  }

  find(channel: number): Lease | undefined {
    return this.#byChannel.get(channel);
  }

  /** Throws NO_SUCH_CHANNEL. */
  get(channel: number): Lease {
    const lease = this.#byChannel.get(channel);
    if (lease !== undefined) return lease;
    throw new WarpError('NO_SUCH_CHANNEL', { operation: `use channel ${channel}` });
  }

  /**
   * Takes a fresh channel over: its memory and the engine's end of its doorbell. Resolves when it would survive this
   * engine.
   */
  async open(setup: ChannelSetup, memory: Fd, bell: Fd): Promise<void> {
    assert(!this.#byChannel.has(setup.channel), 'a channel is opened once');
    if (this.tenants.find(setup.tenant)?.isStopped(performance.now()) === true) {
      throw new WarpError('TENANT_STOPPED', { operation: `open a channel for tenant ${setup.tenant}` });
    }
    checkSealed(memory);
    const mapping = mapBare(memory, channelGeometry(setup.slots).totalBytes);
    let record: LedgerRecord;
    const handles = { memory: this.#ledger.takeHandle(), doorbell: this.#ledger.takeHandle() };
    try {
      record = this.#ledger.add(setup, { slots: setup.slots, ...handles });
    } catch (error) {
      mapping.unmap();
      throw error;
    }
    const lease = this.#lease(setup, record, memory, mapping, bell);
    this.#vault.store(record.memory, memory);
    this.#vault.store(record.doorbell, lease.doorbell);
    this.#engine.wakeChannel(lease.channel);
    await this.#vault.kept();
    if (!lease.channel.isEnded) this.#ledger.commit(record);
  }

  #lease(setup: ChannelSetup, record: LedgerRecord, memory: Fd, mapping: Mapping, bell: Fd): Lease {
    const tenant = this.tenants.enter(setup.tenant, setup.limits);
    const geometry = channelGeometry(setup.slots);
    const channel = new Channel(setup.channel, tenant, mapping.words(), geometry, record, (posted) =>
      this.#engine.notePosted(posted),
    );
    const doorbell = new Doorbell(bell, {
      onRing: (bytes, isClean) => {
        tenant.chargeRubbish(bytes);
        if (!isClean || bytes > DOORBELL_BYTES_MAX) this.end(lease, DOORBELL_GARBAGE);
        else this.#engine.wakeChannel(channel);
      },
      onHangUp: () => this.end(lease, CLIENT_CLOSED),
    });
    const lease: Lease = {
      channel,
      setup,
      record,
      memory,
      mapping,
      doorbell,
      regions: new Map(),
      sessions: new Map(),
      direct: new Map(),
      reached: new Set(),
      leaving: new Map(),
    };
    this.#byChannel.set(channel.id, lease);
    this.#leases.set(channel, lease);
    return lease;
  }

  /** Requests of a tenant fault devices: from a number on it loses all its channels. */
  stopIfFaulty(tenant: Tenant): void {
    if (!tenant.isStopped(performance.now())) return;
    this.#log.error({ audit: true, tenant: tenant.name }, 'tenant stopped: its requests fault devices');
    for (const lease of this.#byChannel.values())
      if (lease.channel.tenant === tenant) this.end(lease, TENANT_STOPPED);
  }

  openSession(lease: Lease, number: number, parameters: SessionParameters): void {
    const handle = this.#ledger.takeHandle();
    lease.record.setSession({ number, handle, parameters });
    this.#addSession(lease, number, handle, parameters);
  }

  #addSession(
    { channel, sessions }: Lease,
    number: number,
    handle: number,
    parameters: SessionParameters,
  ): void {
    sessions.set(number, handle);
    for (const device of this.#engine.devices) {
      if (device.description.algorithms.includes(parameters.algorithm)) device.addSession(handle, parameters);
    }
    channel.sessionAlgorithms[number] = algorithmIndex(parameters.algorithm);
    channel.sessionHandles[number] = handle;
  }

  /** Calls `onClosed` when no request in flight uses it any more. */
  closeSession(lease: Lease, number: number, onClosed: () => void): void {
    const handle = lease.sessions.get(number);
    if (handle === undefined) return onClosed();
    lease.channel.sessionHandles[number] = 0;
    lease.sessions.delete(number);
    lease.record.clearSession(number);
    this.#whenUnused(lease, handle, () => {
      this.#removeSession(handle);
      onClosed();
    });
  }

  /** Resolves when it would survive this engine. */
  async addRegion(lease: Lease, number: number, memory: Fd, bytes: number): Promise<void> {
    assert(!lease.regions.has(number), 'the broker gives free region numbers');
    checkSealed(memory);
    const handle = this.#ledger.takeHandle();
    this.#vault.store(handle, memory);
    const added = this.#addRegion(lease, number, { handle, memory, bytes });
    await Promise.all([added, this.#vault.kept()]);
    const isThere = !lease.channel.isEnded && lease.regions.get(number)?.handle === handle;
    if (isThere) lease.record.setRegion({ number, handle, bytes });
  }

  #addRegion({ channel, regions, reached }: Lease, number: number, region: Region): Promise<unknown> {
    const { handle, memory, bytes } = region;
    regions.set(number, region);
    channel.regionHandles[number] = handle;
    channel.regionBytes[number] = bytes;
    const reaching = this.#engine.devices.filter(
      (device) => !device.description.reachesOnDemand || reached.has(device),
    );
    return Promise.all(reaching.map((device) => device.addRegion(handle, memory, bytes)));
  }

  /** Calls `onRemoved` when no request in flight uses it any more. */
  removeRegion(lease: Lease, number: number, onRemoved: () => void): void {
    const region = lease.regions.get(number);
    if (region === undefined) return onRemoved();
    lease.channel.regionBytes[number] = 0;
    lease.regions.delete(number);
    this.#whenUnused(lease, region.handle, () => {
      if (!lease.channel.isEnded) lease.record.clearRegion(number, region.handle);
      const remove = (): void => {
        this.#removeRegion(region, true);
        onRemoved();
      };
      if (lease.direct.size === 0) remove();
      else void this.#queues.direct.unmapRegion(lease, region.handle).then(remove);
    });
  }

  /** Ends a channel: tells its client why, drops what waits, and frees everything once no device uses it. */
  end(lease: Lease, reason: number): void {
    const { channel, doorbell, mapping } = lease;
    if (channel.isEnded) return;
    channel.end.close(reason);
    for (const number of channel.queues.keys()) this.#queues.shared.close(lease, number, INTERRUPTED);
    for (const number of lease.direct.keys()) this.#queues.direct.close(lease, number);
    if (channel.end.publish()) doorbell.ring();
    channel.detach();
    channel.isEnded = true;
    this.#engine.forget(channel);
    this.tenants.leave(channel.tenant);
    this.#byChannel.delete(channel.id);
    this.#vault.forget(lease.record.memory);
    this.#vault.forget(lease.record.doorbell);
    this.#ledger.remove(lease.record);
    doorbell.hangUp();
    doorbell.close();
    mapping.unmap();
    this.#letGoOfMemory(lease, reason);
    for (const handle of lease.sessions.values())
      this.#whenUnused(lease, handle, () => this.#removeSession(handle));
    for (const region of lease.regions.values()) {
      this.#whenUnused(lease, region.handle, () => this.#removeRegion(region, reason !== DAEMON_STOPPING));
    }
    this.#log.info(
      { channel: channel.id, tenant: channel.tenant.name, reason: errorCode(reason) },
      'channel ended',
    );
    this.onEnded(channel.id, reason);
  }

  /**
   * Empties the channel's memory, since its client may keep it. Only the header stays: it says why the channel has
   * ended. A client that did not hang up itself is given time to reap what it has coming.
   */
  #letGoOfMemory({ memory, setup }: Lease, reason: number): void {
    const empty = (): void => {
      emptyChannel(memory, setup.slots);
      memory.close();
    };
    if (reason === CLIENT_CLOSED) empty();
    else if (reason === DAEMON_STOPPING) memory.close();
    else setTimeout(empty, REAP_MILLIS).unref();
  }

  endAll(reason: number): void {
    for (const lease of this.#byChannel.values()) this.end(lease, reason);
  }

  /** Requests of the channel have completed: what waited for that may go. */
  afterCompletions(channel: Channel): void {
    const lease = this.#leases.get(channel);
    if (lease === undefined || lease.leaving.size === 0) return;
    const used = channel.usedHandles();
    for (const [handle, act] of lease.leaving) {
      if (used.has(handle)) continue;
      lease.leaving.delete(handle);
      act();
    }
  }

  /** Acts once no request in flight names a handle, which is at once if none does. */
  #whenUnused(lease: Lease, handle: number, act: () => void): void {
    if (lease.channel.inFlight > 0 && lease.channel.usedHandles().has(handle)) lease.leaving.set(handle, act);
    else act();
  }

  #removeSession(handle: number): void {
    for (const device of this.#engine.devices) device.removeSession(handle);
  }

  #removeRegion({ handle, memory, bytes }: Region, isEmptied: boolean): void {
    for (const device of this.#engine.devices) device.removeRegion(handle);
    this.#vault.forget(handle);
    if (isEmptied) punchOut(memory, { offset: 0, bytes });
    memory.close();
  }

  /** Takes a channel over that another engine has left; its requests in flight are the caller's to see to. */
  restore(record: LedgerRecord, setup: ChannelSetup, left: LeftDescriptors): Lease {
    const mapping = mapBare(left.memory, channelGeometry(setup.slots).totalBytes);
    const lease = this.#lease(setup, record, left.memory, mapping, left.bell);
    this.#vault.adopt(record.memory, left.memory);
    this.#vault.adopt(record.doorbell, lease.doorbell);
    for (const queue of record.queues()) this.#restoreQueue(lease, queue);
    for (const { number, handle, parameters } of record.sessions())
      this.#addSession(lease, number, handle, parameters);
    for (const { number, ...region } of left.regions) {
      this.#vault.adopt(region.handle, region.memory);
      void this.#addRegion(lease, number, region);
    }
    return lease;
  }

  #restoreQueue(lease: Lease, queue: LedgeredQueue): void {
    if (queue.depth === DIRECT_DEPTH) lease.direct.set(queue.number, queue);
    else void this.#queues.shared.restore(lease, { ...queue, device: this.#device(queue.device) });
  }

  #device(name: string): Device {
    return present(
      this.#engine.devices.find((device) => device.name === name),
      `device ${name}`,
    );
  }

  /**
   * For both sides to look: the engine before may have died between noting a completion and waking the client. The
   * caller wakes the engine.
   */
  begin({ channel, doorbell }: Lease): void {
    if (channel.end.unreaped() > 0) {
      channel.end.publish();
      doorbell.ring();
    }
    this.#engine.visit(channel);
  }
}

/** Releases the pages of a channel, but for its header. */
function emptyChannel(memory: Fd, slots: number): void {
  const { totalBytes } = channelGeometry(slots);
  punchOut(memory, { offset: HEADER_BYTES, bytes: totalBytes - HEADER_BYTES });
}
