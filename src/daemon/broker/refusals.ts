// How often each tenant was refused something, by the reason: of the tenants that were refused something last, since anybody
// can be refused. Pure.

import type { ErrorCode } from '../../shared/errors.ts';

export const TENANTS_MAX = 1_024;

export interface RefusalCount {
  readonly tenant: string;
  readonly code: ErrorCode;
  /** The limit that was reached, where it was one; else empty. */
  readonly limit: string;
  readonly count: number;
}

export class Refusals {
  /** By tenant, the one that was refused something last at the end; then by code and limit, of which there are few. */
  readonly #byTenant = new Map<string, Map<string, RefusalCount>>();

  count(tenant: string, code: ErrorCode, limit = ''): void {
    const reasons = this.#byTenant.get(tenant) ?? new Map<string, RefusalCount>();
    this.#byTenant.delete(tenant);
    this.#byTenant.set(tenant, reasons);
    const [oldest = tenant] = this.#byTenant.keys();
    if (this.#byTenant.size > TENANTS_MAX) this.#byTenant.delete(oldest);
    const reason = `${code} ${limit}`;
    const count = (reasons.get(reason)?.count ?? 0) + 1;
    reasons.set(reason, { tenant, code, limit, count });
  }

  list(): RefusalCount[] {
    return [...this.#byTenant.values()].flatMap((reasons) => Array.from(reasons.values()));
  }
}
