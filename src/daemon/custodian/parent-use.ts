// What all mdevs of one parent have in common: the addresses at which it sees memory, and who uses it.
//
// Most parents don't separate those who use them: what is mapped for one can be reached by all. The engine writes
// addresses that it has checked, so its tenants share such a parent; but a tenant that writes its own has it alone, with
// nothing else mapped.

import { Tally } from '../../shared/tally.ts';
import { IovaSpace } from './iova-space.ts';

/** The engine, on behalf of all tenants. A tenant with queues of its own is a user by its name. */
export const ENGINE_USER = 'engine';

export function tenantUser(tenant: string): string {
  return `tenant ${tenant}`;
}

export class ParentUse {
  readonly iovas = new IovaSpace();
  /** How many open mdevs each user has. */
  readonly #open = new Tally();

  /** Whether the user has the parent, or could have it. */
  isFreeFor(user: string): boolean {
    for (const [other] of this.#open) if (other !== user) return false;
    return true;
  }

  enter(user: string): void {
    this.#open.add(user);
  }

  leave(user: string): void {
    this.#open.remove(user);
  }
}

/** The hardware queues of one configured device, whoever has them. */
export class QueueBudget {
  readonly max: number;
  taken = 0;

  constructor(max: number) {
    this.max = max;
  }

  get isSpent(): boolean {
    return this.taken >= this.max;
  }
}
