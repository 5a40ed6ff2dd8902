// Clients' channels: opened, resumed and closed by their owners, and taken over from the engine that is there. Who may ask
// for things in a channel is decided here; the things are lent by queues.ts, sessions.ts and regions.ts. Each request is
// checked, charged to the caller's tenant, then carried out by the engine; when that fails, the charge is given back.

import type { Logger } from 'pino';
import { present } from '../../shared/assert.ts';
import { isSlotCount } from '../../shared/channel/layout.ts';
import { errorCode, WarpError } from '../../shared/errors.ts';
import { CHANNEL_SLOTS_DEFAULT, CHANNEL_SLOTS_MAX, CHANNEL_SLOTS_MIN } from '../../shared/limits.ts';
import type { AlgorithmName } from '../../shared/operations.ts';
import type { GivenResponse, ReceivedRequest } from '../../shared/grpc.ts';
import { closeAll, type Fd } from '../../sys/fd.ts';
import { createSocketPair } from '../../sys/socket.ts';
import type { Configuration } from '../config/schema.ts';
import { engineLimits } from '../config/tenants.ts';
import type { ChannelInventory, custodianContract, followerContract } from '../contracts.ts';
import type { Link } from '../link.ts';
import { Admission } from './admission.ts';
import { Audit, isRefusal } from './audit.ts';
import { type Caller, isSameCaller } from './caller.ts';
import { createChannelMemory } from './channel-memory.ts';
import { type Client, Clients } from './clients.ts';
import type { Connection } from './connections.ts';
import type { Host } from './host.ts';
import { type EngineLink, Lending } from './lending.ts';
import { HeldChannel } from './streams/held-channel.ts';
import type { Payer, TenantBook } from './tenant-book.ts';
import type { Tokens } from './tokens.ts';

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
  readonly context: BrokerContext;
  /** What each device of the engine offers, in the order of the file that it has read. */
  devices: ReadonlyMap<string, readonly AlgorithmName[]> = new Map();
  readonly admission = new Admission();
  readonly audit: Audit;
  readonly lending: Lending;
  /** Channels that have ended since the engine began to tell which there are, while it does. */
  #endedMeanwhile: Set<number> | undefined = undefined;

  constructor(context: BrokerContext) {
    this.context = context;
    this.clients = new Clients(context.host);
    this.audit = new Audit(context.log);
    this.lending = new Lending(context.log);
  }

  get configuration(): Configuration {
    return this.context.tenants.configuration;
  }

  /** The engine says that a channel is over. */
  channelEnded(id: number, reason: number): void {
    this.#endedMeanwhile?.add(id);
    const client = this.clients.find(id);
    if (client === undefined) return;
    this.audit.note(client, 'channel ended', { reason: errorCode(reason) });
    this.#remove(client);
  }

  /** A link to an engine is up, whose channels may be others than those that we know: makes the books right. */
  async adopt(engine: EngineLink): Promise<void> {
    this.lending.renew(engine);
    const { devices } = await engine.call('status', {});
    this.devices = new Map(devices.map(({ name, algorithms }) => [name, algorithms]));
    await this.#adoptDrained(engine, devices);
    const channels = await this.#book(engine);
    // Its ledger has the limits of when each channel was opened.
    await engine.call('configureTenants', { tenants: this.context.tenants.forEngine() });
    if (channels > 0) this.context.log.info({ channels }, 'went on with the channels of the engine');
  }

  /** Books what the engine has, and nothing else; returns how many channels. */
  async #book(engine: EngineLink): Promise<number> {
    const there = new Set<number>();
    // Of these the inventory may still tell.
    const ended = new Set<number>();
    this.#endedMeanwhile = ended;
    for await (const channels of inventoryOf(engine)) {
      for (const channel of channels) {
        const id = channel.setup.channel;
        if (ended.has(id)) continue;
        there.add(id);
        const { account } = this.context.tenants.named(channel.setup.tenant);
        const client = this.clients.find(id) ?? this.clients.restore(channel, account);
        client.reconcile(channel, this.context.host);
      }
    }
    this.#endedMeanwhile = undefined;
    for (const client of this.clients) {
      if (there.has(client.id)) continue;
      this.audit.note(client, 'channel lost');
      this.#remove(client);
    }
    return there.size;
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
    this.context.tenants.configure(configuration);
    this.context.host.configure(configuration);
    try {
      const engine = await this.context.engine();
      await engine.call('configureTenants', { tenants: this.context.tenants.forEngine() });
    } catch (error) {
      // The next one is told when it is there.
      this.context.log.warn({ err: error }, 'the engine has yet to be told of the configuration');
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
    const engine = await this.context.engine();
    const declared = request.tenant === '' ? undefined : request.tenant;
    const payer = this.context.tenants.payerFor(caller, declared);
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
      const token = this.context.tokens.offer(client.owner, [memory, doorbell]);
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
    await this.context.engine();
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

  /** The caller's channel and the engine that has it. */
  async client(
    connection: Connection,
    channel: number,
    operation: string,
  ): Promise<{ readonly client: Client; readonly engine: EngineLink }> {
    const engine = await this.context.engine();
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
    const { tenant } = isOwn ? client.account : this.context.tenants.payerFor(caller).account;
    this.audit.noteRefusal(caller, tenant, channel, error);
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

/** Channels of the engine, in parts; it makes the next one while one is booked. */
async function* inventoryOf(engine: EngineLink): AsyncGenerator<readonly ChannelInventory[]> {
  let { channels, isLast } = await engine.call('inventory', { after: 0 });
  while (!isLast) {
    const last = present(channels.at(-1), 'a channel of a part that is not the last');
    const next = engine.call('inventory', { after: last.setup.channel });
    // Nobody waits for it if this part can't be booked.
    next.catch(() => {});
    yield channels;
    ({ channels, isLast } = await next);
  }
  yield channels;
}
