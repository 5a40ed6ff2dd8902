// Hardware queues that tenants have whole (direct queues). Each belongs to a queue of a channel, and reaches only what
// was mapped for its tenant: on an mdev of the tenant's own, see parent-use.ts. A loan outlives engine and broker: no
// process of ours is between the tenant and its queue. It ends with the custodian, which a kernel stops by itself.

import { directRefusal } from '../../hwdrivers/spimdev/memory-mode.ts';
import type { TakenQueue } from '../../hwdrivers/spimdev/host.ts';
import { present } from '../../shared/assert.ts';
import { WarpError } from '../../shared/errors.ts';
import { Tally } from '../../shared/tally.ts';
import type { Fd } from '../../sys/fd.ts';
import type { Hardware } from './hardware.ts';
import type { SpimdevDevice } from './spimdev-device.ts';

/** A tenant's mdev is kept for so long after its last loan: who asks again and again doesn't have one made each time. */
const KEEP_MILLIS = 5_000;

/** Whose queue it is: numbers of the channel, and of the queue in it. */
export interface LoanName {
  readonly channel: number;
  readonly queue: number;
}

/** A loan that an engine has found in its ledger, with the handles of the regions that it may reach. */
export interface KnownLoan extends LoanName {
  readonly regions: readonly number[];
}

interface LoanRequest extends LoanName {
  readonly device: string;
  readonly tenant: string;
  readonly deadlineMillis: number;
}

interface Loan {
  readonly device: string;
  readonly tenant: string;
  readonly owned: SpimdevDevice;
  readonly queueId: number;
  /** The device's addresses of regions, by the engine's handles; each settles when it is mapped, or can't be. */
  readonly addresses: Map<number, Promise<number>>;
}

export class Loans {
  readonly #hardware: Hardware;
  readonly #loans = new Map<string, Loan>();
  /** Calls for a loan that isn't there yet: how to have them give up. */
  readonly #calls = new Map<string, AbortController>();
  /** Loans, and calls for one, by device and tenant: a while after the last one the tenant's mdev ends. */
  readonly #users = new Tally();
  readonly #ending = new Map<string, NodeJS.Timeout>();

  constructor(hardware: Hardware) {
    this.#hardware = hardware;
  }

  /**
   * Lends a hardware queue, whose descriptor is the caller's. Throws UNSUPPORTED where the device can't be lent whole,
   * NO_HARDWARE_QUEUE where none is free in time, or the device is others' too and doesn't separate them; CANCELLED if it is
   * ended meanwhile.
   */
  async lend({ device, tenant, channel, queue, deadlineMillis }: LoanRequest): Promise<TakenQueue> {
    const key = keyOf({ channel, queue });
    // One of an engine that is gone may have had the same numbers.
    const earlier = this.end({ channel, queue });
    const call = new AbortController();
    this.#calls.set(key, call);
    this.#enter(device, tenant);
    try {
      await earlier;
      const operation = `lend a hardware queue of "${device}"`;
      const owned = await this.#hardware.deviceFor(device, tenant);
      check(owned, { isStoppable: true }, operation);
      const taken = await this.#take(owned, deadlineMillis, call.signal, operation);
      this.#loans.set(key, { device, tenant, owned, queueId: taken.id, addresses: new Map() });
      return taken;
    } catch (error) {
      this.#leave(device, tenant);
      throw error;
    } finally {
      if (this.#calls.get(key) === call) this.#calls.delete(key);
    }
  }

  async #take(
    owned: SpimdevDevice,
    deadlineMillis: number,
    signal: AbortSignal,
    operation: string,
  ): Promise<TakenQueue> {
    const taken = await owned.takeQueue({ deadlineMillis, signal });
    try {
      check(owned, taken, operation);
      if (signal.aborted) throw new WarpError('CANCELLED', { operation });
      return taken;
    } catch (error) {
      taken.fd.close();
      await owned.returnQueue(taken.id);
      throw error;
    }
  }

  /** Resolves when the queue is stopped and what it reached unmapped; who waits for it gives up. */
  async end(name: LoanName): Promise<void> {
    this.#calls.get(keyOf(name))?.abort();
    const loan = this.#loans.get(keyOf(name));
    if (loan === undefined) return;
    this.#loans.delete(keyOf(name));
    const { device, tenant, owned, queueId, addresses } = loan;
    try {
      await owned.returnQueue(queueId);
      for (const address of addresses.values()) await unmapWhenMapped(owned, address);
    } finally {
      this.#leave(device, tenant);
    }
  }

  /** Ends all but these, and their mappings of other regions: an engine knows which of them its channels have. */
  async endOthers(known: readonly KnownLoan[]): Promise<void> {
    const regionsOf = new Map(known.map((loan) => [keyOf(loan), new Set(loan.regions)]));
    for (const [key, call] of this.#calls) if (!regionsOf.has(key)) call.abort();
    // All that has to end is known before anything is waited for: the engine goes on meanwhile.
    const ends = [...this.#loans].flatMap(([key, { addresses }]) => {
      const name = nameOf(key);
      const regions = regionsOf.get(key);
      if (regions === undefined) return [() => this.end(name)];
      const others = [...addresses.keys()].filter((region) => !regions.has(region));
      return others.map((region) => () => this.unmap(name, region));
    });
    for (const end of ends) await end();
  }

  /** Makes a region reachable for a queue; closes its descriptor. The device's address; the same for the same region. */
  async map(name: LoanName, region: number, memory: Fd, bytes: number): Promise<number> {
    try {
      const loan = this.#loans.get(keyOf(name));
      if (loan === undefined) throw new WarpError('NO_SUCH_QUEUE', { operation: `map region ${region}` });
      let address = loan.addresses.get(region);
      if (address === undefined) {
        address = loan.owned
          .mapMemory(memory, bytes)
          .then((mapped) => present(mapped, 'memory of a device that is lent is mapped'));
        loan.addresses.set(region, address);
        address.catch(() => loan.addresses.delete(region));
      }
      return await address;
    } finally {
      memory.close();
    }
  }

  /** Resolves when the queue can't reach the region any more. */
  async unmap(name: LoanName, region: number): Promise<void> {
    const loan = this.#loans.get(keyOf(name));
    const address = loan?.addresses.get(region);
    if (loan === undefined || address === undefined) return;
    loan.addresses.delete(region);
    await unmapWhenMapped(loan.owned, address);
  }

  #enter(device: string, tenant: string): void {
    const user = `${device} ${tenant}`;
    this.#users.add(user);
    clearTimeout(this.#ending.get(user));
    this.#ending.delete(user);
  }

  #leave(device: string, tenant: string): void {
    const user = `${device} ${tenant}`;
    if (this.#users.remove(user) > 0) return;
    const end = (): void => {
      this.#ending.delete(user);
      // The mdev may take its time; another one can be made meanwhile.
      void this.#hardware.endFor(device, tenant);
    };
    this.#ending.set(user, setTimeout(end, KEEP_MILLIS).unref());
  }
}

async function unmapWhenMapped(owned: SpimdevDevice, address: Promise<number>): Promise<void> {
  const mapped = await address.catch(() => undefined);
  if (mapped !== undefined) await owned.unmapMemory(mapped);
}

function nameOf(key: string): LoanName {
  const [channel, queue] = key.split(':').map(Number) as [number, number];
  return { channel, queue };
}

function keyOf({ channel, queue }: LoanName): string {
  return `${channel}:${queue}`;
}

function check(
  { mode }: SpimdevDevice,
  { isStoppable }: { readonly isStoppable: boolean },
  operation: string,
): void {
  const found = directRefusal(mode, { isOneTenantOnly: true, isStoppable });
  if (found === undefined) return;
  throw new WarpError('UNSUPPORTED', { operation, found, hint: 'request a shared queue' });
}
