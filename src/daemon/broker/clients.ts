// What each client was lent: its channel, queues, sessions and regions, each with its charge, by the numbers under
// which the client knows them.
//
// A client lives while its doorbell does; when the engine dies and takes the doorbell with it, for a grace period
// in which the client can resume. It then keeps its regions, whose memory the broker holds too.

import { randomBytes } from 'node:crypto';
import { present } from '../../shared/assert.ts';
import { channelGeometry, formatChannel, HEADER_BYTES } from '../../shared/channel/layout.ts';
import { type ErrorCode, WarpError } from '../../shared/errors.ts';
import {
  CHANNEL_QUEUES_MAX,
  CHANNEL_REGIONS_MAX,
  CHANNEL_SESSIONS_MAX,
  RESUME_MILLIS_MAX,
  TOKEN_BYTES,
} from '../../shared/limits.ts';
import type { AlgorithmName } from '../../shared/operations.ts';
import type { Fd } from '../../sys/fd.ts';
import { createSealedMemory, mapShared, punchOut, roundToPages } from '../../sys/memory.ts';
import { createSocketPair } from '../../sys/socket.ts';
import type { Account, Charge } from './accounts.ts';
import { isSameProcess, type ProcessName } from './tokens.ts';

export interface Region {
  readonly memory: Fd;
  readonly bytes: number;
  readonly charges: readonly Charge[];
}

interface Leased {
  readonly charge: Charge;
}

export class Client {
  readonly id: number;
  readonly owner: ProcessName;
  readonly account: Account;
  readonly slots: number;
  readonly resumeSecret = randomBytes(TOKEN_BYTES);
  readonly queues = new Map<number, Leased & { readonly algorithm: AlgorithmName }>();
  readonly sessions = new Map<number, Leased>();
  readonly regions = new Map<number, Region>();
  /** The memory of the channel, or of the one that was lost with its engine. */
  #memory: Fd | undefined = undefined;
  readonly #charges: readonly Charge[];
  #graceTimer: NodeJS.Timeout | undefined = undefined;
  /** The client has fetched its end of the doorbell: when that hangs up, the client has. */
  isAttached = false;

  constructor(id: number, owner: ProcessName, account: Account, slots: number) {
    this.id = id;
    this.owner = owner;
    this.account = account;
    this.slots = slots;
    const channel = account.charge('channels', 1);
    try {
      this.#charges = [channel, account.charge('shared_bytes', channelGeometry(slots).totalBytes)];
    } catch (error) {
      channel.release();
      throw error;
    }
  }

  get isLost(): boolean {
    return this.#graceTimer !== undefined;
  }

  /** Makes a fresh channel: memory and both ends of a doorbell. The caller owns the doorbell's ends. */
  createChannel(): { readonly memory: Fd; readonly engineEnd: Fd; readonly clientEnd: Fd } {
    clearTimeout(this.#graceTimer);
    this.#graceTimer = undefined;
    this.isAttached = false;
    // Who asks for a fresh channel has reaped all that it can from the lost one.
    this.#dropMemory(true);
    const geometry = channelGeometry(this.slots);
    const memory = createSealedMemory('warpdrive-channel', geometry.totalBytes);
    this.#memory = memory;
    const mapping = mapShared(memory, geometry.totalBytes);
    formatChannel(mapping.words(), geometry);
    mapping.unmap();
    const [engineEnd, clientEnd] = createSocketPair('stream', 'warpdrive-doorbell');
    return { memory, engineEnd, clientEnd };
  }

  /**
   * The engine is gone, and with it queues and sessions. The channel's memory stays as it is: it holds completions
   * that the client has yet to reap. Without a resume in time `onExpired` is called.
   */
  lose(onExpired: () => void): void {
    this.#dropLeases();
    clearTimeout(this.#graceTimer);
    this.#graceTimer = setTimeout(onExpired, RESUME_MILLIS_MAX);
  }

  /**
   * Gives everything back. `isOver`: the client is gone or has no right to it any more, so memory that somebody
   * still maps is emptied; otherwise it is the daemon that goes, and the client may go on with what it maps.
   */
  release(isOver: boolean): void {
    clearTimeout(this.#graceTimer);
    this.#graceTimer = undefined;
    this.#dropLeases();
    this.#dropMemory(isOver);
    for (const region of this.regions.values()) releaseRegion(region, isOver);
    this.regions.clear();
    for (const charge of this.#charges) charge.release();
  }

  #dropLeases(): void {
    for (const { charge } of this.queues.values()) charge.release();
    for (const { charge } of this.sessions.values()) charge.release();
    this.queues.clear();
    this.sessions.clear();
  }

  /** The header stays: it says why the channel has ended. */
  #dropMemory(isOver: boolean): void {
    if (this.#memory === undefined) return;
    const { totalBytes } = channelGeometry(this.slots);
    if (isOver) punchOut(this.#memory, { offset: HEADER_BYTES, bytes: totalBytes - HEADER_BYTES });
    this.#memory.close();
    this.#memory = undefined;
  }

  /** Charges and makes a region. It is the client's once it is in `regions`. */
  createRegion(bytes: number): Region {
    const rounded = roundToPages(bytes);
    const charges = [this.account.charge('regions', 1)];
    try {
      charges.push(this.account.charge('shared_bytes', rounded));
      return { memory: createSealedMemory('warpdrive-region', rounded), bytes: rounded, charges };
    } catch (error) {
      for (const charge of charges) charge.release();
      throw error;
    }
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

/** `isOver`: nobody may go on with it, so it is emptied. */
export function releaseRegion({ memory, bytes, charges }: Region, isOver: boolean): void {
  if (isOver) punchOut(memory, { offset: 0, bytes });
  memory.close();
  for (const charge of charges) charge.release();
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
export function takeNumber<Value>(
  from: Map<number, Value>,
  number: number,
  code: ErrorCode,
  operation: string,
): Value {
  if (!from.has(number)) throw new WarpError(code, { operation });
  const value = present(from.get(number), operation);
  from.delete(number);
  return value;
}

/** All clients, by number and by resume secret. */
export class Clients {
  readonly #byId = new Map<number, Client>();
  readonly #bySecret = new Map<string, Client>();
  #nextId = 1;

  get size(): number {
    return this.#byId.size;
  }

  create(owner: ProcessName, account: Account, slots: number): Client {
    const client = new Client(this.#nextId, owner, account, slots);
    this.#nextId += 1;
    this.#byId.set(client.id, client);
    this.#bySecret.set(client.resumeSecret.toString('hex'), client);
    return client;
  }

  find(id: number): Client | undefined {
    return this.#byId.get(id);
  }

  /** The caller's channel; throws NO_SUCH_CHANNEL, for others' too. */
  ownedBy(caller: ProcessName, id: number, operation: string): Client {
    const client = this.#byId.get(id);
    if (client === undefined || !isSameProcess(client.owner, caller)) {
      throw new WarpError('NO_SUCH_CHANNEL', { operation });
    }
    return client;
  }

  bySecret(caller: ProcessName, secret: Buffer, operation: string): Client {
    const client = this.#bySecret.get(secret.toString('hex'));
    if (client === undefined || !isSameProcess(client.owner, caller)) {
      throw new WarpError('NO_SUCH_CHANNEL', { operation });
    }
    return client;
  }

  remove(client: Client, isOver: boolean): void {
    if (!this.#byId.delete(client.id)) return;
    this.#bySecret.delete(client.resumeSecret.toString('hex'));
    client.release(isOver);
  }

  [Symbol.iterator](): IterableIterator<Client> {
    return this.#byId.values();
  }
}
