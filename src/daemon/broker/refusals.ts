// How often each tenant was refused something, by the reason. Pure.

import type { ErrorCode } from '../../shared/errors.ts';

export interface RefusalCount {
  readonly tenant: string;
  readonly code: ErrorCode;
  /** The limit that was reached, where it was one; else empty. */
  readonly limit: string;
  readonly count: number;
}

export class Refusals {
  /** By tenant, then by code and limit, of which there are few. */
  readonly #byTenant = new Map<string, Map<string, RefusalCount>>();

  count(tenant: string, code: ErrorCode, limit = ''): void {
    let reasons = this.#byTenant.get(tenant);
    if (reasons === undefined) {
      reasons = new Map();
      this.#byTenant.set(tenant, reasons);
    }
    const reason = `${code} ${limit}`;
    const count = (reasons.get(reason)?.count ?? 0) + 1;
    reasons.set(reason, { tenant, code, limit, count });
  }

  list(): RefusalCount[] {
    return [...this.#byTenant.values()].flatMap((reasons) => Array.from(reasons.values()));
  }
}
