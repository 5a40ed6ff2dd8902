// The methods of the Broker service: who may have what. Each request is checked here, charged to the caller's
// tenant, then carried out by the engine; when that fails, the charge is given back.

import type { Logger } from 'pino';
import { present } from '../../shared/assert.ts';
import { isSlotCount } from '../../shared/channel/layout.ts';
import { errorCode, WarpError } from '../../shared/errors.ts';
import {
  CHANNEL_SLOTS_DEFAULT,
  CHANNEL_SLOTS_MAX,
  CHANNEL_SLOTS_MIN,
  REGION_BYTES_MAX,
} from '../../shared/limits.ts';
import { type AlgorithmName, isAlgorithmName } from '../../shared/operations.ts';
import type { GivenResponse, ReceivedRequest } from '../../shared/grpc.ts';
import { closeAll, type Fd } from '../../sys/fd.ts';
import { createSealedMemory, roundToPages } from '../../sys/memory.ts';
import { createSocketPair } from '../../sys/socket.ts';
import { packageVersion } from '../../shared/package-files.ts';
import type { LimitsConfiguration } from '../config/schema.ts';
import type { brokerContract, engineContract } from '../contracts.ts';
import type { Link } from '../link.ts';
import { Account, resources } from './accounts.ts';
import { type Caller, isAdministrator } from './caller.ts';
import { createChannelMemory } from './channel-memory.ts';
import { type Client, Clients, Leased, takeNumber } from './clients.ts';
import type { Connection } from './connections.ts';
import type { Host } from './host.ts';
import { checkSessionParameters } from './session-parameters.ts';
import { HeldChannel } from './streams/held-channel.ts';
import type { PayloadRegion } from './streams/payload-memory.ts';
import type { Tokens } from './tokens.ts';

export type EngineLink = Link<typeof brokerContract, typeof engineContract>;

/** What the methods need of the rest of the broker. */
export interface BrokerContext {
  readonly limits: LimitsConfiguration;
  /** Names of the devices that are configured, in the order of the file. */
  readonly deviceAlgorithms: ReadonlyMap<string, readonly AlgorithmName[]>;
  readonly tokens: Tokens;
  readonly host: Host;
  readonly log: Logger;
  /** The engine, waiting for one that is being started again. Rejects with ENGINE_UNAVAILABLE when that takes long. */
  engine(): Promise<EngineLink>;
  status(): Omit<GivenResponse<'GetStatus'>, 'version' | 'tenant' | 'usage' | 'channels'>;
}

export class BrokerService {
  readonly clients: Clients;
  /** Devices that are out of use. */
  readonly drained = new Set<string>();
  readonly #context: BrokerContext;
  readonly #accounts = new Map<string, Account>();
  /** Questions to the engine that are under way, by what is asked: who asks the same meanwhile shares the answer. */
  readonly #asked = new Map<string, Promise<unknown>>();
  /** What a lost engine may have done for calls that failed: undone at the next one, before anybody else calls. */
  #toUndo: ((engine: EngineLink) => Promise<unknown>)[] = [];

  constructor(context: BrokerContext) {
    this.#context = context;
    this.clients = new Clients(context.host);
  }

  /** The engine says that a channel is over. */
  channelEnded(id: number, reason: number): void {
    const client = this.clients.find(id);
    if (client === undefined) return;
    client.held?.ended();
    this.audit(client, 'channel ended', { reason: errorCode(reason) });
    this.clients.remove(client);
  }

  /** A link to an engine is up, whose channels may be others than those that we know: makes the books right. */
  async adopt(engine: EngineLink): Promise<void> {
    for (const undo of this.#toUndo.splice(0)) await undo(engine);
    const there = new Set<number>();
    for (let after = 0, isLast = false; !isLast; ) {
      const part = await engine.call('inventory', { after });
      for (const channel of part.channels) {
        after = channel.setup.channel;
        there.add(after);
        const known = this.clients.find(after);
        const client = known ?? this.clients.restore(channel, this.#account(channel.setup.tenant));
        client.reconcile(channel, this.#context.host);
      }
      ({ isLast } = part);
    }
    for (const client of this.clients) {
      if (there.has(client.id)) continue;
      client.held?.ended();
      this.audit(client, 'channel lost', {});
      this.clients.remove(client);
    }
    if (there.size > 0)
      this.#context.log.info({ channels: there.size }, 'went on with the channels of the engine');
  }

  /** However many ask, the engine is asked once at a time: it answers between requests. */
  #ask<Answer>(question: string, ask: () => Promise<Answer>): Promise<Answer> {
    const underWay = this.#asked.get(question) as Promise<Answer> | undefined;
    if (underWay !== undefined) return underWay;
    const answer = ask().finally(() => this.#asked.delete(question));
    this.#asked.set(question, answer);
    return answer;
  }

  /**
   * Asks the engine for something that a client is lent. If it refuses, `giveBack` is called; if it is lost before it
   * has answered, the next engine is asked to `undo` as well.
   */
  async #lend(
    engine: EngineLink,
    ask: () => Promise<unknown>,
    giveBack: () => void,
    undo: (engine: EngineLink) => Promise<unknown>,
  ): Promise<void> {
    try {
      await ask();
    } catch (error) {
      giveBack();
      if (!engine.isOpen) this.#toUndo.push(undo);
      throw error;
    }
  }

  async listDevices(): Promise<GivenResponse<'ListDevices'>> {
    const { devices } = await this.#ask('status', async () =>
      (await this.#context.engine()).call('status', {}),
    );
    const states = {
      starting: 'DEVICE_STATE_STARTING',
      ready: 'DEVICE_STATE_READY',
      failed: 'DEVICE_STATE_FAILED',
    } as const;
    return { devices: devices.map((device) => Object.assign({}, device, { state: states[device.state] })) };
  }

  getStatus(connection: Connection): GivenResponse<'GetStatus'> {
    const account = this.#account(connection.caller.tenant);
    return {
      ...this.#context.status(),
      version: packageVersion,
      channels: this.clients.size,
      tenant: account.tenant,
      usage: usageOf(account),
    };
  }

  /** Tenants that have something lent. */
  listTenants(): GivenResponse<'Admin/ListTenants'> {
    const busy = [...this.#accounts.values()].filter(({ isIdle }) => !isIdle);
    return { tenants: busy.map((account) => ({ name: account.tenant, usage: usageOf(account) })) };
  }

  async listQueues({ caller }: Connection): Promise<GivenResponse<'ListQueues'>> {
    const seesAll = isAdministrator(caller);
    const { queues } = await this.#ask(`queues ${seesAll ? 'all' : caller.tenant}`, async () => {
      const own = [...this.clients]
        .filter(({ account }) => account.tenant === caller.tenant)
        .map(({ id }) => id);
      return (await this.#context.engine()).call('queues', { channels: seesAll ? null : own });
    });
    const pidOf = (channel: number): number => this.clients.find(channel)?.owner.pid ?? 0;
    return { queues: queues.map((queue) => Object.assign({}, queue, { pid: pidOf(queue.channel) })) };
  }

  async openChannel(
    connection: Connection,
    request: ReceivedRequest<'OpenChannel'>,
  ): Promise<GivenResponse<'OpenChannel'>> {
    const slots = request.slots === 0 ? CHANNEL_SLOTS_DEFAULT : request.slots;
    if (!isSlotCount(slots)) {
      throw new WarpError('INVALID_ARGUMENT', {
        operation: 'open a channel',
        found: `${slots} slots`,
        hint: `use a power of two from ${CHANNEL_SLOTS_MIN} to ${CHANNEL_SLOTS_MAX}`,
      });
    }
    const { caller } = connection;
    const isStream = checkTransport(request, caller);
    const engine = await this.#context.engine();
    const client = this.clients.create(caller.process, this.#account(caller.tenant), slots);
    try {
      const [memory, doorbell] = await this.#createChannel(client, engine);
      client.attach(connection);
      this.audit(client, 'channel opened', { slots, isStream });
      const { id: channel, bytes, resumeSecret } = client;
      if (isStream) {
        client.held = new HeldChannel(channel, slots, memory, doorbell);
        return { channel, bytes };
      }
      const token = this.#context.tokens.offer(client.owner, [memory, doorbell]);
      return { channel, token, resumeSecret, bytes };
    } catch (error) {
      this.clients.remove(client);
      throw error;
    }
  }

  /** Makes the memory and the doorbell, gives the engine its part, and returns the client's. */
  async #createChannel(client: Client, engine: EngineLink): Promise<readonly [memory: Fd, doorbell: Fd]> {
    const { weight, in_flight: inFlightMax, request_bytes: requestBytesMax } = this.#context.limits;
    const setup = {
      channel: client.id,
      slots: client.slots,
      tenant: client.account.tenant,
      limits: { weight, inFlightMax, requestBytesMax },
      owner: client.owner,
      resumeSecret: client.resumeSecret.toString('hex'),
    };
    const memory = createChannelMemory(client.slots);
    const made = [memory];
    try {
      const [engineEnd, clientEnd] = createSocketPair('stream', 'warpdrive-doorbell');
      made.push(clientEnd);
      await engine.call('openChannel', setup, [memory, engineEnd]).finally(() => engineEnd.close());
      return [memory, clientEnd];
    } catch (error) {
      // With the client's end closed, the engine sees a client that hung up.
      closeAll(made);
      throw error;
    }
  }

  /** The control view of a channel, for its owner on another connection. */
  async resumeChannel(
    connection: Connection,
    request: ReceivedRequest<'ResumeChannel'>,
  ): Promise<GivenResponse<'ResumeChannel'>> {
    await this.#context.engine();
    const client = this.clients.bySecret(connection.caller, request.resumeSecret, 'resume a channel');
    client.attach(connection);
    this.audit(client, 'channel resumed', {});
    return {
      channel: client.id,
      bytes: client.bytes,
      queues: [...client.queues.keys()],
      sessions: [...client.sessions.keys()],
      regions: [...client.regions.keys()],
    };
  }

  async closeChannel(
    connection: Connection,
    request: ReceivedRequest<'CloseChannel'>,
  ): Promise<Record<string, never>> {
    const { client, engine } = await this.client(connection, request.channel, 'close a channel');
    await engine.call('closeChannel', { channel: client.id, reason: 'CLIENT_CLOSED' });
    return {};
  }

  async requestQueue(
    connection: Connection,
    request: ReceivedRequest<'RequestQueue'>,
  ): Promise<GivenResponse<'RequestQueue'>> {
    const operation = `request a queue for "${request.algorithm}"`;
    const { client, engine } = await this.client(connection, request.channel, operation);
    if (request.mode === 'QUEUE_MODE_DIRECT') {
      throw new WarpError('UNSUPPORTED', {
        operation,
        found: 'no device of this daemon can lend a hardware queue of its own',
        hint: 'request a shared queue',
      });
    }
    const { device, algorithm } = this.#chooseDevice(request, operation);
    if (typeof request.mode !== 'string')
      throw new WarpError('INVALID_ARGUMENT', { operation, found: `mode ${String(request.mode)}` });
    if (request.depth > client.slots) {
      throw new WarpError('INVALID_ARGUMENT', {
        operation,
        found: `a depth of ${request.depth} on a channel of ${client.slots} slots`,
        hint: 'ask for at most as many as the channel has slots',
      });
    }
    const depth = request.depth === 0 ? client.slots : request.depth;
    const queue = client.freeQueueNumber();
    const lent = new Leased(client.account.charge('queues', 1));
    client.queues.set(queue, lent);
    const { id: channel } = client;
    await this.#lend(
      engine,
      () => engine.call('openQueue', { channel, queue, device, algorithm, depth }),
      () => giveBack(client.queues, queue, lent),
      (next) => next.call('closeQueue', { channel, queue }),
    );
    this.audit(client, 'queue granted', { queue, device, algorithm, depth });
    return { queue, device, depth, requestBytesMax: this.#context.limits.request_bytes };
  }

  #chooseDevice(
    { algorithm, device: wanted }: ReceivedRequest<'RequestQueue'>,
    operation: string,
  ): { device: string; algorithm: AlgorithmName } {
    const devices = this.#context.deviceAlgorithms;
    const names = [...devices.keys()];
    if (wanted !== '' && !devices.has(wanted)) {
      throw new WarpError('NO_SUCH_DEVICE', {
        operation,
        found: `no device "${wanted}"; there are ${names.join(', ')}`,
      });
    }
    if (!isAlgorithmName(algorithm)) {
      const offered = [...new Set([...devices.values()].flat())];
      throw new WarpError('NO_SUCH_ALGORITHM', { operation, found: `not one of ${offered.join(', ')}` });
    }
    const candidates = wanted === '' ? names : [wanted];
    const offering = candidates.filter((name) => devices.get(name)?.includes(algorithm));
    const device = offering.find((name) => !this.drained.has(name));
    if (device === undefined && offering.length > 0) {
      const found = `an administrator has taken ${offering.join(', ')} out of use`;
      throw new WarpError('DEVICE_UNAVAILABLE', { operation, found, hint: 'ask the administrator' });
    }
    if (device === undefined) {
      const offers = candidates.map((name) => `${name} offers ${devices.get(name)?.join(', ')}`).join('; ');
      throw new WarpError('NO_SUCH_ALGORITHM', { operation, found: offers });
    }
    return { device, algorithm };
  }

  async releaseQueue(
    connection: Connection,
    request: ReceivedRequest<'ReleaseQueue'>,
  ): Promise<Record<string, never>> {
    const operation = `release queue ${request.queue}`;
    const { client, engine } = await this.client(connection, request.channel, operation);
    takeNumber(client.queues, request.queue, 'NO_SUCH_QUEUE', operation).release();
    await this.#takeBack(engine, (at) => at.call('closeQueue', { channel: client.id, queue: request.queue }));
    this.audit(client, 'queue released', { queue: request.queue });
    return {};
  }

  async openSession(
    connection: Connection,
    request: ReceivedRequest<'OpenSession'>,
  ): Promise<GivenResponse<'OpenSession'>> {
    const operation = `open a session for "${request.algorithm}"`;
    const { client, engine } = await this.client(connection, request.channel, operation);
    const { algorithm, parameters } = checkSessionParameters(request, operation);
    const session = client.freeSessionNumber();
    const lent = new Leased(client.account.charge('sessions', 1));
    client.sessions.set(session, lent);
    const { id: channel } = client;
    await this.#lend(
      engine,
      () => engine.call('openSession', { channel, session, algorithm, parameters }),
      () => giveBack(client.sessions, session, lent),
      (next) => next.call('closeSession', { channel, session }),
    );
    return { session };
  }

  async closeSession(
    connection: Connection,
    request: ReceivedRequest<'CloseSession'>,
  ): Promise<Record<string, never>> {
    const operation = `close session ${request.session}`;
    const { client, engine } = await this.client(connection, request.channel, operation);
    const leased = takeNumber(client.sessions, request.session, 'NO_SUCH_SESSION', operation);
    const closed = { channel: client.id, session: request.session };
    await this.#takeBack(engine, (at) => at.call('closeSession', closed)).finally(() => leased.release());
    return {};
  }

  async shareRegion(
    connection: Connection,
    request: ReceivedRequest<'ShareRegion'>,
  ): Promise<GivenResponse<'ShareRegion'>> {
    const operation = `share a region of ${request.bytes} bytes`;
    const { client, engine } = await this.client(connection, request.channel, operation);
    if (request.bytes < 1 || request.bytes > REGION_BYTES_MAX) {
      throw new WarpError('INVALID_ARGUMENT', { operation, found: `not 1 to ${REGION_BYTES_MAX} bytes` });
    }
    const { region, memory } = await this.#lendRegion(client, engine, request.bytes);
    if (client.held === undefined)
      return { region, token: this.#context.tokens.offer(client.owner, [memory]) };
    client.held.addRegion(region, memory, request.bytes);
    return { region };
  }

  /** Charges a region and gives it to the engine; the caller owns its memory. */
  async #lendRegion(
    client: Client,
    engine: EngineLink,
    asked: number,
  ): Promise<{ readonly region: number; readonly memory: Fd }> {
    const bytes = roundToPages(asked);
    const region = client.freeRegionNumber();
    const lent = this.clients.leaseRegion(client, bytes);
    client.regions.set(region, lent);
    const { id: channel } = client;
    let memory: Fd | undefined;
    await this.#lend(
      engine,
      async () => {
        memory = createSealedMemory('warpdrive-region', bytes);
        await engine.call('addRegion', { channel, region, bytes }, [memory]);
      },
      () => {
        memory?.close();
        giveBack(client.regions, region, lent);
      },
      (next) => next.call('removeRegion', { channel, region }),
    );
    return { region, memory: present(memory, 'the memory of the region') };
  }

  /** Memory of a held channel for payloads. Its client pays for it, and can't name it. */
  async lendPayloads(client: Client, held: HeldChannel, bytes: number): Promise<PayloadRegion> {
    const engine = await this.#context.engine();
    const { region, memory } = await this.#lendRegion(client, engine, bytes);
    if (held.isClosed) {
      memory.close();
      throw new WarpError('NO_SUCH_CHANNEL', { operation: 'make room for payloads' });
    }
    const mapping = held.addRegion(region, memory, bytes);
    held.reserve(region);
    const release = (): void => {
      held.dropRegion(region);
      this.#takeRegion(client, engine, region).catch((error: unknown) => {
        this.#context.log.warn({ err: error, channel: client.id }, 'payload memory was not given back');
      });
    };
    return { region, mapping, release };
  }

  async releaseRegion(
    connection: Connection,
    request: ReceivedRequest<'ReleaseRegion'>,
  ): Promise<Record<string, never>> {
    const operation = `release region ${request.region}`;
    const { client, engine } = await this.client(connection, request.channel, operation);
    if (client.held?.isReserved(request.region)) throw new WarpError('NO_SUCH_REGION', { operation });
    await this.#takeRegion(client, engine, request.region);
    client.held?.dropRegion(request.region);
    return {};
  }

  async #takeRegion(client: Client, engine: EngineLink, region: number): Promise<void> {
    const leased = takeNumber(client.regions, region, 'NO_SUCH_REGION', `release region ${region}`);
    const removed = { channel: client.id, region };
    await this.#takeBack(engine, (at) => at.call('removeRegion', removed)).finally(() => leased.release());
  }

  /** Asks the engine to let go of something; the next one too, if this one is lost before it has answered. */
  async #takeBack(engine: EngineLink, ask: (engine: EngineLink) => Promise<unknown>): Promise<void> {
    try {
      await ask(engine);
    } catch (error) {
      if (engine.isOpen) throw error;
      this.#toUndo.push(ask);
    }
  }

  /** The caller's channel and the engine that has it. */
  async client(
    connection: Connection,
    channel: number,
    operation: string,
  ): Promise<{ readonly client: Client; readonly engine: EngineLink }> {
    const engine = await this.#context.engine();
    const client = this.clients.ownedBy(connection.caller, channel, operation);
    if (!client.isAttachedTo(connection)) throw new WarpError('NOT_RESUMED', { operation });
    return { client, engine };
  }

  /** Accounts outlive their clients only while something is charged to them. */
  #account(tenant: string): Account {
    const known = this.#accounts.get(tenant);
    if (known !== undefined) return known;
    for (const [name, account] of this.#accounts) if (account.isIdle) this.#accounts.delete(name);
    const account = new Account(tenant, this.#context.limits);
    this.#accounts.set(tenant, account);
    return account;
  }

  /** An administrator has taken a queue back. */
  queueTakenBack(channel: number, queue: number): void {
    const client = this.clients.find(channel);
    const leased = client?.queues.get(queue);
    if (client === undefined || leased === undefined) return;
    giveBack(client.queues, queue, leased);
    this.audit(client, 'queue taken back', { queue });
  }

  auditDevice({ process: { uid, pid } }: Caller, event: string, device: string): void {
    this.#context.log.info({ audit: true, uid, pid, device }, event);
  }

  audit(client: Client, event: string, details: Readonly<Record<string, unknown>>): void {
    const { tenant } = client.account;
    const { uid, pid } = client.owner;
    this.#context.log.info({ audit: true, tenant, uid, pid, channel: client.id, ...details }, event);
  }
}

function usageOf(account: Account) {
  return resources.map((resource) => ({
    resource,
    used: account.used(resource),
    limit: account.limits[resource],
  }));
}

/** Whether the channel is for an Exchange call. */
function checkTransport({ transport }: ReceivedRequest<'OpenChannel'>, { isLocal }: Caller): boolean {
  if (transport === 'TRANSPORT_STREAM') return true;
  const operation = 'open a channel';
  const hint = 'open a channel of TRANSPORT_STREAM';
  if (typeof transport !== 'string')
    throw new WarpError('INVALID_ARGUMENT', { operation, found: `transport ${String(transport)}`, hint });
  if (isLocal) return false;
  throw new WarpError('UNSUPPORTED', {
    operation,
    found: 'there is no shared memory with another host',
    hint,
  });
}

/** Unless it was released meanwhile, and the number perhaps given to another. */
function giveBack(lent: Map<number, Leased>, number: number, leased: Leased): void {
  if (lent.get(number) === leased) lent.delete(number);
  leased.release();
}
