// The methods of the Broker service: who may have what. Each request is checked here, charged to the caller's
// tenant, then carried out by the engine; when that fails, the charge is given back.

import type { Logger } from 'pino';
import { isSlotCount } from '../../shared/channel/layout.ts';
import { errorCode, WarpError } from '../../shared/errors.ts';
import { channelGeometry } from '../../shared/channel/layout.ts';
import {
  CHANNEL_SLOTS_DEFAULT,
  CHANNEL_SLOTS_MAX,
  CHANNEL_SLOTS_MIN,
  KEY_BYTES_MAX,
  REGION_BYTES_MAX,
} from '../../shared/limits.ts';
import { type AlgorithmName, isAlgorithmName, LEVEL_MAX, sessionKind } from '../../shared/operations.ts';
import type { GivenResponse, ReceivedRequest } from '../../shared/grpc.ts';
import { closeAll } from '../../sys/fd.ts';
import { packageVersion } from '../../shared/package-files.ts';
import type { LimitsConfiguration } from '../config/schema.ts';
import type { brokerContract, engineContract } from '../contracts.ts';
import type { Link } from '../link.ts';
import { Account, resources } from './accounts.ts';
import { type Client, Clients, releaseRegion, takeNumber } from './clients.ts';
import type { Connection } from './grpc-server.ts';
import type { ProcessName, Tokens } from './tokens.ts';

type EngineLink = Link<typeof brokerContract, typeof engineContract>;

/** What the methods need of the rest of the broker. */
export interface BrokerContext {
  readonly limits: LimitsConfiguration;
  /** Names of the devices that are configured, in the order of the file. */
  readonly deviceAlgorithms: ReadonlyMap<string, readonly AlgorithmName[]>;
  readonly tokens: Tokens;
  readonly log: Logger;
  /** The engine; throws ENGINE_UNAVAILABLE while it is being started again. */
  engine(): EngineLink;
  /** The process behind a connection; throws if it is gone. */
  identify(connection: Connection): Promise<ProcessName>;
  status(): Omit<GivenResponse<'GetStatus'>, 'version' | 'tenant' | 'usage' | 'channels'>;
}

export class BrokerService {
  readonly clients = new Clients();
  readonly #context: BrokerContext;
  readonly #accounts = new Map<string, Account>();
  /** Questions to the engine that are under way, by what is asked: who asks the same meanwhile shares the answer. */
  readonly #asked = new Map<string, Promise<unknown>>();

  constructor(context: BrokerContext) {
    this.#context = context;
  }

  /** The engine says that a channel is over. */
  channelEnded(id: number, reason: number): void {
    const client = this.clients.find(id);
    if (client === undefined) return;
    const code = errorCode(reason);
    this.#audit(client, 'channel ended', { reason: code });
    // Resumed, but never fetched: the client may try again, and its regions must not be emptied meanwhile.
    if (code === 'CLIENT_CLOSED' && !client.isAttached && client.regions.size > 0) this.#lose(client);
    else this.#drop(client, code !== 'DAEMON_STOPPING');
  }

  /** The engine is gone with all channels. Their clients may resume when it is back. */
  engineLost(): void {
    for (const client of this.clients) this.#lose(client);
  }

  #lose(client: Client): void {
    client.lose(() => this.#drop(client, true));
  }

  /** However many ask, the engine is asked once at a time: it answers between requests. */
  #ask<Answer>(question: string, ask: () => Promise<Answer>): Promise<Answer> {
    const underWay = this.#asked.get(question) as Promise<Answer> | undefined;
    if (underWay !== undefined) return underWay;
    const answer = ask().finally(() => this.#asked.delete(question));
    this.#asked.set(question, answer);
    return answer;
  }

  async listDevices(): Promise<GivenResponse<'ListDevices'>> {
    const { devices } = await this.#ask('status', async () => this.#context.engine().call('status', {}));
    const states = {
      starting: 'DEVICE_STATE_STARTING',
      ready: 'DEVICE_STATE_READY',
      failed: 'DEVICE_STATE_FAILED',
    } as const;
    return { devices: devices.map((device) => Object.assign({}, device, { state: states[device.state] })) };
  }

  getStatus(connection: Connection): GivenResponse<'GetStatus'> {
    const account = this.#account(connection.peer.uid);
    const usage = resources.map((resource) => ({
      resource,
      used: account.used(resource),
      limit: account.limits[resource],
    }));
    return {
      ...this.#context.status(),
      version: packageVersion,
      channels: this.clients.size,
      tenant: account.tenant,
      usage,
    };
  }

  async listQueues({ peer }: Connection): Promise<GivenResponse<'ListQueues'>> {
    const seesAll = peer.uid === 0 || peer.uid === process.getuid?.();
    const { queues } = await this.#ask(`queues ${seesAll ? 'all' : peer.uid}`, async () => {
      const own = [...this.clients].filter(({ owner }) => owner.uid === peer.uid).map(({ id }) => id);
      return this.#context.engine().call('queues', { channels: seesAll ? null : own });
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
    const owner = await this.#context.identify(connection);
    const client = this.clients.create(owner, this.#account(owner.uid), slots);
    try {
      const response = await this.#attach(client);
      this.#audit(client, 'channel opened', { slots });
      return response;
    } catch (error) {
      this.#drop(client, true);
      throw error;
    }
  }

  async resumeChannel(
    connection: Connection,
    request: ReceivedRequest<'ResumeChannel'>,
  ): Promise<GivenResponse<'OpenChannel'>> {
    const operation = 'resume a channel';
    const owner = await this.#context.identify(connection);
    const client = this.clients.bySecret(owner, request.resumeSecret, operation);
    if (!client.isLost) {
      // The client may notice that the engine died before we do.
      throw new WarpError('ENGINE_UNAVAILABLE', {
        operation,
        found: 'the engine has not reported the channel lost',
      });
    }
    try {
      const response = await this.#attach(client);
      // As of now: a region that is shared meanwhile is told to the engine by who shares it.
      const kept = [...client.regions];
      for (const [region, { memory, bytes }] of kept) {
        await this.#context.engine().call('addRegion', { channel: client.id, region, bytes }, [memory]);
      }
      this.#audit(client, 'channel resumed', {});
      return response;
    } catch (error) {
      this.#lose(client);
      throw error;
    }
  }

  /** Makes the memory and the doorbell, gives the engine its part and keeps the client's part for its token. */
  async #attach(client: Client): Promise<GivenResponse<'OpenChannel'>> {
    const { weight, in_flight: inFlightMax, request_bytes: requestBytesMax } = this.#context.limits;
    const engine = this.#context.engine();
    const { memory, engineEnd, clientEnd } = client.createChannel();
    const request = {
      channel: client.id,
      slots: client.slots,
      tenant: client.account.tenant,
      limits: { weight, inFlightMax, requestBytesMax },
    };
    const offered = [clientEnd];
    try {
      offered.unshift(memory.dup());
      await engine.call('openChannel', request, [memory, engineEnd]);
    } catch (error) {
      // With the client's end closed, the engine sees a client that hung up.
      closeAll(offered);
      throw error;
    } finally {
      engineEnd.close();
    }
    const token = this.#context.tokens.offer(client.owner, offered, () => {
      client.isAttached = true;
    });
    const bytes = channelGeometry(client.slots).totalBytes;
    return { channel: client.id, token, resumeSecret: client.resumeSecret, bytes };
  }

  async closeChannel(
    connection: Connection,
    request: ReceivedRequest<'CloseChannel'>,
  ): Promise<Record<string, never>> {
    const client = await this.#client(connection, request.channel, 'close a channel');
    await this.#context.engine().call('closeChannel', { channel: client.id });
    return {};
  }

  async requestQueue(
    connection: Connection,
    request: ReceivedRequest<'RequestQueue'>,
  ): Promise<GivenResponse<'RequestQueue'>> {
    const operation = `request a queue for "${request.algorithm}"`;
    const client = await this.#client(connection, request.channel, operation);
    if (request.mode === 'QUEUE_MODE_DIRECT') {
      throw new WarpError('UNSUPPORTED', {
        operation,
        found: 'no device of this daemon can lend a hardware queue of its own',
        hint: 'request a shared queue',
      });
    }
    const { device, algorithm } = this.#chooseDevice(request, operation);
    if (request.depth > client.slots) {
      throw new WarpError('INVALID_ARGUMENT', {
        operation,
        found: `a depth of ${request.depth} on a channel of ${client.slots} slots`,
        hint: 'ask for at most as many as the channel has slots',
      });
    }
    const depth = request.depth === 0 ? client.slots : request.depth;
    const queue = client.freeQueueNumber();
    const charge = client.account.charge('queues', 1);
    const lent = { charge, algorithm };
    client.queues.set(queue, lent);
    try {
      await this.#context.engine().call('openQueue', { channel: client.id, queue, device, algorithm, depth });
    } catch (error) {
      if (client.queues.get(queue) === lent) client.queues.delete(queue);
      charge.release();
      throw error;
    }
    this.#audit(client, 'queue granted', { queue, device, algorithm, depth });
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
    const device = candidates.find((name) => devices.get(name)?.includes(algorithm));
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
    const client = await this.#client(connection, request.channel, operation);
    const { charge } = takeNumber(client.queues, request.queue, 'NO_SUCH_QUEUE', operation);
    charge.release();
    await this.#context.engine().call('closeQueue', { channel: client.id, queue: request.queue });
    this.#audit(client, 'queue released', { queue: request.queue });
    return {};
  }

  async openSession(
    connection: Connection,
    request: ReceivedRequest<'OpenSession'>,
  ): Promise<GivenResponse<'OpenSession'>> {
    const operation = `open a session for "${request.algorithm}"`;
    const client = await this.#client(connection, request.channel, operation);
    const { algorithm, parameters } = checkParameters(request, operation);
    const session = client.freeSessionNumber();
    const charge = client.account.charge('sessions', 1);
    const opened = { charge };
    client.sessions.set(session, opened);
    try {
      await this.#context
        .engine()
        .call('openSession', { channel: client.id, session, algorithm, parameters });
    } catch (error) {
      if (client.sessions.get(session) === opened) client.sessions.delete(session);
      charge.release();
      throw error;
    }
    return { session };
  }

  async closeSession(
    connection: Connection,
    request: ReceivedRequest<'CloseSession'>,
  ): Promise<Record<string, never>> {
    const operation = `close session ${request.session}`;
    const client = await this.#client(connection, request.channel, operation);
    const { charge } = takeNumber(client.sessions, request.session, 'NO_SUCH_SESSION', operation);
    try {
      await this.#context.engine().call('closeSession', { channel: client.id, session: request.session });
    } finally {
      charge.release();
    }
    return {};
  }

  async shareRegion(
    connection: Connection,
    request: ReceivedRequest<'ShareRegion'>,
  ): Promise<GivenResponse<'ShareRegion'>> {
    const operation = `share a region of ${request.bytes} bytes`;
    const client = await this.#client(connection, request.channel, operation);
    if (request.bytes < 1 || request.bytes > REGION_BYTES_MAX) {
      throw new WarpError('INVALID_ARGUMENT', { operation, found: `not 1 to ${REGION_BYTES_MAX} bytes` });
    }
    const number = client.freeRegionNumber();
    const region = client.createRegion(request.bytes);
    client.regions.set(number, region);
    try {
      const { memory, bytes } = region;
      await this.#context.engine().call('addRegion', { channel: client.id, region: number, bytes }, [memory]);
    } catch (error) {
      // Unless it was released meanwhile, and the number perhaps given to another.
      if (client.regions.get(number) === region) {
        client.regions.delete(number);
        releaseRegion(region, true);
      }
      throw error;
    }
    return { region: number, token: this.#context.tokens.offer(client.owner, [region.memory.dup()]) };
  }

  async releaseRegion(
    connection: Connection,
    request: ReceivedRequest<'ReleaseRegion'>,
  ): Promise<Record<string, never>> {
    const operation = `release region ${request.region}`;
    const client = await this.#client(connection, request.channel, operation);
    const region = takeNumber(client.regions, request.region, 'NO_SUCH_REGION', operation);
    try {
      await this.#context.engine().call('removeRegion', { channel: client.id, region: request.region });
    } finally {
      releaseRegion(region, true);
    }
    return {};
  }

  async #client(connection: Connection, channel: number, operation: string): Promise<Client> {
    return this.clients.ownedBy(await this.#context.identify(connection), channel, operation);
  }

  /** One tenant for each uid. Accounts outlive their clients only while something is charged to them. */
  #account(uid: number): Account {
    const tenant = `uid:${uid}`;
    const known = this.#accounts.get(tenant);
    if (known !== undefined) return known;
    for (const [name, account] of this.#accounts) if (account.isIdle) this.#accounts.delete(name);
    const account = new Account(tenant, this.#context.limits);
    this.#accounts.set(tenant, account);
    return account;
  }

  #drop(client: Client, isOver: boolean): void {
    this.clients.remove(client, isOver);
  }

  #audit(client: Client, event: string, details: Readonly<Record<string, unknown>>): void {
    const { tenant } = client.account;
    const { uid, pid } = client.owner;
    this.#context.log.info({ audit: true, tenant, uid, pid, channel: client.id, ...details }, event);
  }
}

function checkParameters(request: ReceivedRequest<'OpenSession'>, operation: string) {
  const { algorithm, parameters: given, level, key } = request;
  const kind = isAlgorithmName(algorithm) ? sessionKind(algorithm) : 'none';
  if (!isAlgorithmName(algorithm) || kind === 'none') {
    throw new WarpError('INVALID_ARGUMENT', {
      operation,
      found: 'its requests need no session, or there is no such algorithm',
    });
  }
  if (given !== kind) {
    throw new WarpError('INVALID_ARGUMENT', {
      operation,
      found: `"${given ?? 'nothing'}" given`,
      hint: `give a ${kind}`,
    });
  }
  if (kind === 'level') {
    const value = level ?? 0;
    if (value <= LEVEL_MAX) return { algorithm, parameters: { kind, level: value } as const };
    throw new WarpError('INVALID_ARGUMENT', {
      operation,
      found: `level ${value}`,
      hint: `use 0 to ${LEVEL_MAX}`,
    });
  }
  if (key?.length !== KEY_BYTES_MAX) {
    throw new WarpError('INVALID_ARGUMENT', {
      operation,
      found: `a key of ${key?.length ?? 0} bytes`,
      hint: `give ${KEY_BYTES_MAX} bytes`,
    });
  }
  return { algorithm, parameters: { kind, key: key.toString('base64') } as const };
}
