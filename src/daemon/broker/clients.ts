// What each client was lent: its channel, queues, sessions and regions, each with its charge, by the numbers under
// which the client knows them. Memory and doorbells are the engine's; this is who pays, and who may ask.
//
// A client lives while its doorbell does, which the engine watches. A broker that was started again learns of all
// clients from the engine's inventory.

import { randomBytes } from 'node:crypto';
import { channelGeometry } from '../../shared/channel/layout.ts';
import { type ErrorCode, WarpError } from '../../shared/errors.ts';
import {
  CHANNEL_QUEUES_MAX,
  CHANNEL_REGIONS_MAX,
  CHANNEL_SESSIONS_MAX,
  TOKEN_BYTES,
} from '../../shared/limits.ts';
import type { ChannelInventory, ProcessName } from '../contracts.ts';
import type { Account, Charge } from './accounts.ts';
import { type Caller, isSameCaller, userOf } from './caller.ts';
import type { Connection } from './connections.ts';
import type { Host } from './host.ts';
import type { HeldChannel } from './streams/held-channel.ts';

/** Something lent, with all that was charged for it. */
export class Leased {
  readonly #charges: readonly { release(): void }[];

  constructor(...charges: readonly { release(): void }[]) {
    this.#charges = charges;
  }

  release(): void {
    for (const charge of this.#charges) charge.release();
  }
}

type Lent = Map<number, Leased>;

export class Client {
  readonly id: number;
  /** Of the owner, which for a caller on another host is this process. */
  readonly user: string;
  readonly owner: ProcessName;
  readonly account: Account;
  readonly slots: number;
  readonly resumeSecret: Buffer;
  readonly queues: Lent = new Map();
  readonly sessions: Lent = new Map();
  readonly regions: Lent = new Map();
  /** The client's side of the channel, where the broker holds it for the client. */
  held: HeldChannel | undefined = undefined;
  readonly #own: Leased;
  readonly #connections = new WeakSet<Connection>();

  /** `own`: what was charged for the channel itself. */
  constructor(
    name: {
      readonly id: number;
      readonly user: string;
      readonly owner: ProcessName;
      readonly resumeSecret: Buffer;
    },
    account: Account,
    slots: number,
    own: Leased,
  ) {
    this.id = name.id;
    this.user = name.user;
    this.owner = name.owner;
    this.resumeSecret = name.resumeSecret;
    this.account = account;
    this.slots = slots;
    this.#own = own;
  }

  get bytes(): number {
    return channelGeometry(this.slots).totalBytes;
  }

  /** From now on the connection may ask for things in the channel. */
  attach(connection: Connection): void {
    this.#connections.add(connection);
  }

  isAttachedTo(connection: Connection): boolean {
    return this.#connections.has(connection);
  }

  /** Makes the books say what the engine says: what it doesn't have is given back, what we don't know is charged. */
  reconcile({ queues, sessions, regions }: ChannelInventory, host: Host): void {
    const { account } = this;
    const openQueues = new Map(queues.map((queue) => [queue, 1]));
    reconcile(this.queues, openQueues, (one) => new Leased(account.adopt('queues', one)));
    const openSessions = new Map(sessions.map((session) => [session, 1]));
    reconcile(this.sessions, openSessions, (one) => new Leased(account.adopt('sessions', one)));
    const sharedBytes = new Map(regions.map(({ region, bytes }) => [region, bytes]));
    const adopt = (bytes: number): Leased =>
      new Leased(account.adopt('regions', 1), account.adopt('shared_bytes', bytes), host.adopt('region'));
    reconcile(this.regions, sharedBytes, adopt);
  }

  /** Gives back all that was charged. */
  release(): void {
    for (const lent of [this.queues, this.sessions, this.regions]) {
      for (const leased of lent.values()) leased.release();
      lent.clear();
    }
    this.#own.release();
  }

  freeQueueNumber(): number {
    return freeNumber(this.queues, CHANNEL_QUEUES_MAX, 'queues');
  }

  freeSessionNumber(): number {
    return freeNumber(this.sessions, CHANNEL_SESSIONS_MAX, 'sessions');
  }

  freeRegionNumber(): number {
    return freeNumber(this.regions, CHANNEL_REGIONS_MAX, 'regions');
  }
}

function reconcile(
  lent: Lent,
  actual: ReadonlyMap<number, number>,
  charge: (amount: number) => Leased,
): void {
  for (const [number, leased] of lent) {
    if (actual.has(number)) continue;
    lent.delete(number);
    leased.release();
  }
  for (const [number, amount] of actual) if (!lent.has(number)) lent.set(number, charge(amount));
}

/** The lowest free number, from 1. */
function freeNumber(taken: ReadonlyMap<number, unknown>, max: number, what: string): number {
  for (let number = 1; number <= max; number++) if (!taken.has(number)) return number;
  throw new WarpError('QUOTA_EXCEEDED', {
    operation: `open one more of the channel's ${what}`,
    found: `a channel has at most ${max}, and all are in use`,
    hint: 'release some, or open another channel',
  });
}

/** Removes and returns what a number stands for; throws the given code if there is nothing. */
export function takeNumber(from: Lent, number: number, code: ErrorCode, operation: string): Leased {
  const leased = from.get(number);
  if (leased === undefined) throw new WarpError(code, { operation });
  from.delete(number);
  return leased;
}

/** Unless it was released meanwhile, and the number perhaps given to another. */
export function giveBack(lent: Lent, number: number, leased: Leased): void {
  if (lent.get(number) === leased) lent.delete(number);
  leased.release();
}

/** All clients, by number and by resume secret. */
export class Clients {
  readonly #byId = new Map<number, Client>();
  readonly #bySecret = new Map<string, Client>();
  readonly #host: Host;
  #nextId = 1;

  constructor(host: Host) {
    this.#host = host;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Charges and notes a new client; its channel is yet to be made, and held if `isHeld`. Throws QUOTA_EXCEEDED. */
  create(
    { user, process: owner }: Caller,
    account: Account,
    { slots, isHeld }: { readonly slots: number; readonly isHeld: boolean },
  ): Client {
    const { totalBytes } = channelGeometry(slots);
    const charges = account.chargeAll([
      ['channels', 1],
      ['shared_bytes', totalBytes],
    ]);
    const own = this.#leaseOfHost(charges, () => this.#host.take(isHeld ? 'held channel' : 'channel'));
    const client = new Client(
      { id: this.#nextId++, user, owner, resumeSecret: randomBytes(TOKEN_BYTES) },
      account,
      slots,
      own,
    );
    return this.#add(client);
  }

  /** Charges a region of `bytes` bytes. Throws QUOTA_EXCEEDED. */
  leaseRegion({ account, held }: Client, bytes: number): Leased {
    const charges = account.chargeAll([
      ['regions', 1],
      ['shared_bytes', bytes],
    ]);
    return this.#leaseOfHost(charges, () => this.#host.take(held === undefined ? 'region' : 'held region'));
  }

  /** What the tenant may have, the host must have too. */
  #leaseOfHost(charges: readonly Charge[], take: () => { release(): void }): Leased {
    try {
      return new Leased(...charges, take());
    } catch (error) {
      for (const charge of charges) charge.release();
      throw error;
    }
  }

  /** Notes a client that a broker before this one has served. */
  restore(inventory: ChannelInventory, account: Account): Client {
    const { setup } = inventory;
    const { channel: id, owner, resumeSecret, slots } = setup;
    this.#nextId = Math.max(this.#nextId, id + 1);
    const { totalBytes } = channelGeometry(slots);
    const charges = [account.adopt('channels', 1), account.adopt('shared_bytes', totalBytes)];
    const own = new Leased(...charges, this.#host.adopt('channel'));
    const name = { id, user: userOf(owner), owner, resumeSecret: Buffer.from(resumeSecret, 'hex') };
    return this.#add(new Client(name, account, slots, own));
  }

  #add(client: Client): Client {
    this.#byId.set(client.id, client);
    this.#bySecret.set(client.resumeSecret.toString('hex'), client);
    return client;
  }

  find(id: number): Client | undefined {
    return this.#byId.get(id);
  }

  /** The caller's channel; throws NO_SUCH_CHANNEL, for others' too. */
  ownedBy(caller: Caller, id: number, operation: string): Client {
    return own(this.#byId.get(id), caller, operation);
  }

  bySecret(caller: Caller, secret: Buffer, operation: string): Client {
    return own(this.#bySecret.get(secret.toString('hex')), caller, operation);
  }

  remove(client: Client): void {
    if (!this.#byId.delete(client.id)) return;
    this.#bySecret.delete(client.resumeSecret.toString('hex'));
    client.release();
  }

  [Symbol.iterator](): IterableIterator<Client> {
    return this.#byId.values();
  }
}

function own(client: Client | undefined, caller: Caller, operation: string): Client {
  if (client !== undefined && isSameCaller(caller, { user: client.user, process: client.owner }))
    return client;
  throw new WarpError('NO_SUCH_CHANNEL', { operation });
}
