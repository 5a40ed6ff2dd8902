// What all mdevs of one parent have in common: the addresses at which it sees memory, and who uses it.
//
// Most parents don't separate those who use them: what is mapped for one can be reached by all. The engine writes
// addresses that it has checked, so its tenants share such a parent; but a tenant that writes its own has it alone, with
// nothing else mapped.

import { IovaSpace } from './iova-space.ts';

/** The engine, on behalf of all tenants. A tenant with queues of its own is a user by its name. */
export const ENGINE_USER = 'engine';

export function tenantUser(tenant: string): string {
  return `tenant ${tenant}`;
}

export class ParentUse {
  readonly iovas = new IovaSpace();
  /** How many open mdevs each user has. */
  readonly #open = new Map<string, number>();

  /** Whether the user has the parent, or could have it. */
  isFreeFor(user: string): boolean {
    for (const other of this.#open.keys()) if (other !== user) return false;
    return true;
  }

  enter(user: string): void {
    this.#open.set(user, (this.#open.get(user) ?? 0) + 1);
  }

  leave(user: string): void {
    const left = (this.#open.get(user) ?? 0) - 1;
    if (left > 0) this.#open.set(user, left);
    else this.#open.delete(user);
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
