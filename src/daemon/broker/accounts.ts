// Who pays: each tenant's use of each resource, against its limit. What is taken is charged before it is allocated,
// and the charge is given back exactly once, by whoever holds it.
//
// Limits may change at any time. One that falls below what is in use takes nothing away: nothing more is granted
// until enough was given back.

import { assert } from '../../shared/assert.ts';
import { WarpError } from '../../shared/errors.ts';

export const resources = ['channels', 'queues', 'sessions', 'regions', 'shared_bytes'] as const;
export type Resource = (typeof resources)[number];
export type AccountLimits = Readonly<Record<Resource, number>>;

/** Something of a resource that was taken. Giving it back twice does nothing. */
export class Charge {
  readonly #account: Account;
  readonly #resource: Resource;
  #amount: number;

  constructor(account: Account, resource: Resource, amount: number) {
    this.#account = account;
    this.#resource = resource;
    this.#amount = amount;
  }

  release(): void {
    const amount = this.#amount;
    this.#amount = 0;
    if (amount > 0) this.#account.giveBack(this.#resource, amount);
  }
}

export class Account {
  readonly tenant: string;
  #limits: AccountLimits;
  /** The table of the configuration that the limits are in: whoever wants more has to have it changed. */
  #section: string;
  /** Something was given back, or a limit was raised: who waits for it may have it now. */
  onRoom: (resource: Resource) => void = () => {};
  readonly #used: Record<Resource, number> = {
    channels: 0,
    queues: 0,
    sessions: 0,
    regions: 0,
    shared_bytes: 0,
  };

  constructor(tenant: string, limits: AccountLimits, section = 'limits') {
    this.tenant = tenant;
    this.#limits = limits;
    this.#section = section;
  }

  get limits(): AccountLimits {
    return this.#limits;
  }

  configure(limits: AccountLimits, section: string): void {
    const before = this.#limits;
    this.#limits = limits;
    this.#section = section;
    for (const resource of resources) if (limits[resource] > before[resource]) this.onRoom(resource);
  }

  /** Whether `charge` would take it now. */
  hasRoom(resource: Resource, amount: number): boolean {
    return this.#used[resource] + amount <= this.#limits[resource];
  }

  /** Takes `amount` of a resource, or throws QUOTA_EXCEEDED and takes nothing. */
  charge(resource: Resource, amount: number): Charge {
    assert(Number.isSafeInteger(amount) && amount > 0, `an amount of ${resource} is a positive integer`);
    if (!this.hasRoom(resource, amount)) throw this.refusal(resource, amount);
    this.#used[resource] += amount;
    return new Charge(this, resource, amount);
  }

  /** Takes all of several amounts, or throws QUOTA_EXCEEDED and takes none. */
  chargeAll(amounts: readonly (readonly [Resource, number])[]): Charge[] {
    const charges: Charge[] = [];
    try {
      for (const [resource, amount] of amounts) charges.push(this.charge(resource, amount));
    } catch (error) {
      for (const charge of charges) charge.release();
      throw error;
    }
    return charges;
  }

  /** Notes what is in use already, whatever the limit says. */
  adopt(resource: Resource, amount: number): Charge {
    this.#used[resource] += amount;
    return new Charge(this, resource, amount);
  }

  /** Why `charge` would refuse. */
  refusal(resource: Resource, amount: number): WarpError {
    const limit = this.#limits[resource];
    const used = this.#used[resource];
    const name = `${this.#section}.${resource}`;
    const remedy = amount > limit ? 'ask for less' : 'release some';
    return new WarpError('QUOTA_EXCEEDED', {
      operation: `charge ${amount} of "${resource}" to tenant ${this.tenant}`,
      found: `the limit is ${limit}, of which ${used} are in use`,
      hint: `${remedy}, or ask the administrator to raise ${name}`,
      limit: { name, value: limit, used },
    });
  }

  /** For Charge only. */
  giveBack(resource: Resource, amount: number): void {
    assert(amount <= this.#used[resource], `no more of ${resource} is given back than was taken`);
    this.#used[resource] -= amount;
    this.onRoom(resource);
  }

  used(resource: Resource): number {
    return this.#used[resource];
  }

  get isIdle(): boolean {
    return resources.every((resource) => this.#used[resource] === 0);
  }
}
