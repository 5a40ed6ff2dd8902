// Who pays: each tenant's use of each resource, against its limit. What is taken is charged before it is allocated,
// and the charge is given back exactly once, by whoever holds it.

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
    this.#account.giveBack(this.#resource, amount);
  }
}

export class Account {
  readonly tenant: string;
  limits: AccountLimits;
  readonly #used: Record<Resource, number> = {
    channels: 0,
    queues: 0,
    sessions: 0,
    regions: 0,
    shared_bytes: 0,
  };

  constructor(tenant: string, limits: AccountLimits) {
    this.tenant = tenant;
    this.limits = limits;
  }

  /** Takes `amount` of a resource, or throws QUOTA_EXCEEDED and takes nothing. */
  charge(resource: Resource, amount: number): Charge {
    assert(Number.isSafeInteger(amount) && amount > 0, `an amount of ${resource} is a positive integer`);
    const used = this.#used[resource];
    const limit = this.limits[resource];
    if (used + amount > limit) {
      throw new WarpError('QUOTA_EXCEEDED', {
        operation: `charge ${amount} of "${resource}" to tenant ${this.tenant}`,
        found: `the limit is ${limit}, of which ${used} are in use`,
        hint: `release some, or ask the administrator to raise limits.${resource}`,
        limit: { name: `limits.${resource}`, value: limit, used },
      });
    }
    this.#used[resource] = used + amount;
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

  /** For Charge only. */
  giveBack(resource: Resource, amount: number): void {
    assert(amount <= this.#used[resource], `no more of ${resource} is given back than was taken`);
    this.#used[resource] -= amount;
  }

  used(resource: Resource): number {
    return this.#used[resource];
  }

  get isIdle(): boolean {
    return resources.every((resource) => this.#used[resource] === 0);
  }
}
