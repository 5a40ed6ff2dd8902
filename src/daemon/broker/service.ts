// The methods of the Broker service: who may have what. Each request is checked here, charged to the caller's
// tenant, then carried out by the engine; when that fails, the charge is given back.

import type { Logger } from 'pino';
import type { z } from 'zod';
import { present } from '../../shared/assert.ts';
import { isSlotCount } from '../../shared/channel/layout.ts';
import { errorCode, WarpError } from '../../shared/errors.ts';
import {
  CHANNEL_SLOTS_DEFAULT,
  CHANNEL_SLOTS_MAX,
  CHANNEL_SLOTS_MIN,
  REGION_BYTES_MAX,
} from '../../shared/limits.ts';
import type { AlgorithmName } from '../../shared/operations.ts';
import type { GivenResponse, ReceivedRequest } from '../../shared/grpc.ts';
import { closeAll, type Fd } from '../../sys/fd.ts';
import { createSealedMemory, roundToPages } from '../../sys/memory.ts';
import { createSocketPair } from '../../sys/socket.ts';
import type { Configuration } from '../config/schema.ts';
import { engineLimits } from '../config/tenants.ts';
import type { custodianContract, engineContract, followerContract } from '../contracts.ts';
import type { Link } from '../link.ts';
import { Admission } from './admission.ts';
import { Audit, isRefusal } from './audit.ts';
import { type Caller, isSameCaller } from './caller.ts';
import { createChannelMemory } from './channel-memory.ts';
import { type Client, Clients, Leased, takeNumber } from './clients.ts';
import type { Connection } from './connections.ts';
import type { Host } from './host.ts';
import { type EngineLink, Lending } from './lending.ts';
import { chooseDepth, chooseDevices, firstInService, notAllowed } from './queue-choice.ts';
import { checkSessionParameters } from './session-parameters.ts';
import { HeldChannel } from './streams/held-channel.ts';
import type { PayloadRegion } from './streams/payload-memory.ts';
import type { Payer, TenantBook } from './tenant-book.ts';
import type { Tokens } from './tokens.ts';
import { Turns } from './turns.ts';

export type CustodianLink = Link<typeof followerContract, typeof custodianContract>;

/** What the methods need of the rest of the broker. */
export interface BrokerContext {
  readonly tenants: TenantBook;
  readonly tokens: Tokens;
  readonly host: Host;
  readonly log: Logger;
  /** The engine, waiting for one that is being started again. Rejects with ENGINE_UNAVAILABLE when that takes long. */
  engine(): Promise<EngineLink>;
}

export class BrokerService {
  readonly clients: Clients;
  /** Devices that are out of use, for the next engine to know. */
  readonly drained = new Set<string>();
  readonly #context: BrokerContext;
  /** What each device of the engine offers, in the order of the file that it has read. */
  #devices: ReadonlyMap<string, readonly AlgorithmName[]> = new Map();
  readonly admission = new Admission();
  readonly audit: Audit;
  /** By tenant: calls that wait for hardware must not take all places on the link. */
  readonly #directTurns = new Turns();
  readonly #lending: Lending;

  constructor(context: BrokerContext) {
    this.#context = context;
    this.clients = new Clients(context.host);
    this.audit = new Audit(context.log);
    this.#lending = new Lending(context.log);
  }

  get configuration(): Configuration {
    return this.#context.tenants.configuration;
  }

  get deviceNames(): readonly string[] {
    return [...this.#devices.keys()];
  }

  /** The largest input or output of a request of the client, bytes. */
  requestBytesMax({ account }: Client): number {
    return this.#context.tenants.named(account.tenant).limits.request_bytes;
  }

  /** The engine says that a channel is over. */
  channelEnded(id: number, reason: number): void {
    const client = this.clients.find(id);
    if (client === undefined) return;
    this.audit.note(client, 'channel ended', { reason: errorCode(reason) });
    this.#remove(client);
  }

  /** A link to an engine is up, whose channels may be others than those that we know: makes the books right. */
  async adopt(engine: EngineLink): Promise<void> {
    this.#lending.renew(engine);
    const { devices } = await engine.call('status', {});
    this.#devices = new Map(devices.map(({ name, algorithms }) => [name, algorithms]));
    await this.#adoptDrained(engine, devices);
    const there = new Set<number>();
    for (let after = 0, isLast = false; !isLast; ) {
      const part = await engine.call('inventory', { after });
      for (const channel of part.channels) {
        after = channel.setup.channel;
        there.add(after);
        const known = this.clients.find(after);
        const { account } = this.#context.tenants.named(channel.setup.tenant);
        const client = known ?? this.clients.restore(channel, account);
        client.reconcile(channel, this.#context.host);
      }
      ({ isLast } = part);
    }
    for (const client of this.clients) {
      if (there.has(client.id)) continue;
      this.audit.note(client, 'channel lost');
      this.#remove(client);
    }
    // Its ledger has the limits of when each channel was opened.
    await engine.call('configureTenants', { tenants: this.#context.tenants.forEngine() });
    if (there.size > 0)
      this.#context.log.info({ channels: there.size }, 'went on with the channels of the engine');
  }

  /** Either of us may be new: what one of us knows to be out of use stays so. */
  async #adoptDrained(
    engine: EngineLink,
    devices: readonly { readonly name: string; readonly state: string }[],
  ): Promise<void> {
    for (const { name: device, state } of devices) {
      if (state === 'drained') this.drained.add(device);
      else if (this.drained.has(device)) await engine.call('setDrained', { device, isDrained: true });
    }
  }

  #remove(client: Client): void {
    client.held?.ended();
    this.clients.remove(client);
    this.admission.abandon(client.id);
  }

  /** Another configuration is in force: all accounts and the engine get its limits, nobody loses anything. */
  async reconfigure(configuration: Configuration): Promise<void> {
    this.#context.tenants.configure(configuration);
    this.#context.host.configure(configuration);
    try {
      const engine = await this.#context.engine();
      await engine.call('configureTenants', { tenants: this.#context.tenants.forEngine() });
    } catch (error) {
      // The next one is told when it is there.
      this.#context.log.warn({ err: error }, 'the engine has yet to be told of the configuration');
    }
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
    const declared = request.tenant === '' ? undefined : request.tenant;
    const payer = this.#context.tenants.payerFor(caller, declared);
    const client = this.clients.create(caller, payer.account, { slots, isHeld: isStream });
    try {
      const [memory, doorbell] = await this.#createChannel(client, engine, payer);
      client.attach(connection);
      this.audit.note(client, 'channel opened', { slots, isStream });
      const { id: channel, bytes, resumeSecret } = client;
      if (isStream) {
        client.held = new HeldChannel(channel, slots, memory, doorbell);
        return { channel, bytes };
      }
      const token = this.#context.tokens.offer(client.owner, [memory, doorbell]);
      return { channel, token, resumeSecret, bytes };
    } catch (error) {
      this.#remove(client);
      throw error;
    }
  }

  /** Makes the memory and the doorbell, gives the engine its part, and returns the client's. */
  async #createChannel(
    client: Client,
    engine: EngineLink,
    { limits }: Payer,
  ): Promise<readonly [memory: Fd, doorbell: Fd]> {
    const setup = {
      channel: client.id,
      slots: client.slots,
      tenant: client.account.tenant,
      limits: engineLimits(limits),
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
    this.audit.note(client, 'channel resumed');
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
    await engine.call('closeChannel', { channel: client.id, reason: 'CLIENT_CLOSED', graceMillis: 0 });
    return {};
  }

  async requestQueue(
    connection: Connection,
    request: ReceivedRequest<'RequestQueue'>,
    signal: AbortSignal,
  ): Promise<GivenResponse<'RequestQueue'>> {
    const operation = `request a queue for "${request.algorithm}"`;
    const { client } = await this.client(connection, request.channel, operation);
    const payer = this.#context.tenants.named(client.account.tenant);
    if (typeof request.mode !== 'string')
      throw new WarpError('INVALID_ARGUMENT', { operation, found: `mode ${String(request.mode)}` });
    const isDirect = request.mode === 'QUEUE_MODE_DIRECT';
    if (isDirect) this.#checkDirect(client, payer, operation);
    const offer = { devices: this.#devices, direct: this.#directDevices };
    const { devices, algorithm } = chooseDevices(request, offer, payer, operation);
    if (request.depth > client.slots) {
      throw new WarpError('INVALID_ARGUMENT', {
        operation,
        found: `a depth of ${request.depth} on a channel of ${client.slots} slots`,
        hint: 'ask for at most as many as the channel has slots',
      });
    }
    const depth = isDirect ? 0 : chooseDepth(request.depth, client.slots, payer, operation);
    const { id: channel, owner } = client;
    const waiter = { channel, pid: owner.pid, uid: owner.uid, algorithm };
    const waitMillis = Math.min(request.waitMillis, payer.limits.wait_millis);
    const endMillis = performance.now() + waitMillis;
    const charge = await this.admission.chargeQueue(client.account, waiter, { millis: waitMillis, signal });
    // It may have waited: the engine may be another one, and the channel may have ended.
    const engine = await this.#context.engine().catch((error: unknown) => {
      charge.release();
      throw error;
    });
    if (this.clients.find(channel) !== client) {
      charge.release();
      throw new WarpError('NO_SUCH_CHANNEL', { operation });
    }
    const lent = new Leased(charge);
    let queue: number;
    try {
      queue = client.freeQueueNumber();
    } catch (error) {
      charge.release();
      throw error;
    }
    client.queues.set(queue, lent);
    let device = '';
    let own: Pick<GivenResponse<'RequestQueue'>, 'token' | 'queueFormat'> = {};
    await this.#lending.lend(
      engine,
      async () => {
        device = await firstInService(devices, async (name) => {
          if (isDirect) {
            own = await this.#directTurns.take(client.account.tenant, signal, async () => {
              const leftMillis = Math.max(0, Math.ceil(endMillis - performance.now()));
              const wanted = { channel, queue, device: name, algorithm, waitMillis: leftMillis };
              const { reply, fds } = await openDirectQueue(engine, wanted, signal);
              return { token: this.#context.tokens.offer(owner, fds), queueFormat: reply.deviceApi };
            });
          } else {
            await engine.call('openQueue', { channel, queue, device: name, algorithm, depth });
          }
        });
      },
      () => giveBack(client.queues, queue, lent),
      (next) => next.call('closeQueue', { channel, queue }),
    );
    this.audit.note(client, 'queue granted', { queue, device, algorithm, depth, isDirect });
    return { queue, device, depth, requestBytesMax: payer.limits.request_bytes, ...own };
  }

  #checkDirect(client: Client, payer: Payer, operation: string): void {
    if (this.#directDevices.length === 0) {
      const found = 'no device of this daemon can lend a hardware queue of its own';
      throw new WarpError('UNSUPPORTED', { operation, found, hint: 'request a shared queue' });
    }
    if (!payer.limits.direct) throw notAllowed(operation, 'no hardware queues of its own', payer, 'direct');
    if (client.held === undefined) return;
    const found = 'the channel is of TRANSPORT_STREAM, and descriptors do not travel over gRPC';
    throw new WarpError('UNSUPPORTED', { operation, found, hint: 'request a shared queue' });
  }

  /** Names of the devices whose hardware queues may be lent whole. */
  get #directDevices(): readonly string[] {
    const { devices } = this.configuration;
    return this.deviceNames.filter((name) => devices[name]?.direct === true);
  }

  async mapRegion(
    connection: Connection,
    { channel, queue, region }: ReceivedRequest<'MapRegion'>,
  ): Promise<GivenResponse<'MapRegion'>> {
    const operation = `map region ${region} for queue ${queue}`;
    const { client, engine } = await this.client(connection, channel, operation);
    if (!client.queues.has(queue)) throw new WarpError('NO_SUCH_QUEUE', { operation });
    if (!client.regions.has(region)) throw new WarpError('NO_SUCH_REGION', { operation });
    return engine.call('mapRegion', { channel, queue, region });
  }

  async releaseQueue(
    connection: Connection,
    request: ReceivedRequest<'ReleaseQueue'>,
  ): Promise<Record<string, never>> {
    const operation = `release queue ${request.queue}`;
    const { client, engine } = await this.client(connection, request.channel, operation);
    takeNumber(client.queues, request.queue, 'NO_SUCH_QUEUE', operation).release();
    await this.#lending.takeBack(engine, (at) =>
      at.call('closeQueue', { channel: client.id, queue: request.queue }),
    );
    this.audit.note(client, 'queue released', { queue: request.queue });
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
    await this.#lending.lend(
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
    await this.#lending
      .takeBack(engine, (at) => at.call('closeSession', closed))
      .finally(() => leased.release());
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
    await this.#lending.lend(
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
    await this.#lending
      .takeBack(engine, (at) => at.call('removeRegion', removed))
      .finally(() => leased.release());
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

  /** A call has failed: counts and notes what was refused, and to whom. */
  noteFailure({ caller }: Connection, request: object | undefined, error: WarpError): void {
    if (!isRefusal(error)) return;
    const channel = request !== undefined && 'channel' in request ? (request.channel as number) : 0;
    // Anybody can name a channel of somebody else.
    const client = this.clients.find(channel);
    const isOwn = client !== undefined && isSameCaller(caller, { user: client.user, process: client.owner });
    const { tenant } = isOwn ? client.account : this.#context.tenants.payerFor(caller).account;
    this.audit.noteRefusal(caller, tenant, channel, error);
  }

  /** An administrator has taken a queue back. */
  queueTakenBack(channel: number, queue: number): void {
    const client = this.clients.find(channel);
    const leased = client?.queues.get(queue);
    if (client === undefined || leased === undefined) return;
    giveBack(client.queues, queue, leased);
    this.audit.note(client, 'queue taken back', { queue });
  }
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

/** Has a hardware queue lent whole; who gives up waits no longer, wherever the call is. */
async function openDirectQueue(
  engine: EngineLink,
  wanted: z.infer<(typeof engineContract)['openDirectQueue']['request']>,
  signal: AbortSignal,
): Promise<{ readonly reply: { readonly deviceApi: string }; readonly fds: readonly Fd[] }> {
  const { channel, queue } = wanted;
  // What comes too late to be given up is undone by whoever has it.
  const giveUp = (): void => void engine.call('closeQueue', { channel, queue }).catch(() => {});
  signal.addEventListener('abort', giveUp);
  try {
    return await engine.callForFds('openDirectQueue', wanted);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}
