// The tenants that callers are charged to: the account and the limits of each, by the configuration at the moment.
// Another configuration may come at any time; then each account gets its new limits, and nobody loses anything.

import { WarpError } from '../../shared/errors.ts';
import type { Configuration, LimitsConfiguration } from '../config/schema.ts';
import { describeTenant, engineLimits, matchTenant, type TenantMatch } from '../config/tenants.ts';
import { Account } from './accounts.ts';
import type { Caller } from './caller.ts';

/** A tenant with what is charged to it. */
export interface Payer {
  readonly account: Account;
  limits: LimitsConfiguration;
  /** The table of the file that the limits are in. */
  section: string;
}

export class TenantBook {
  #configuration: Configuration;
  readonly #payers = new Map<string, Payer>();

  constructor(configuration: Configuration) {
    this.#configuration = configuration;
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  /** Who pays for a caller. `declared`: the tenant that it says it is; throws where that doesn't count, or is none. */
  payerFor({ traits }: Caller, declared?: string): Payer {
    if (declared !== undefined) this.#checkDeclared(declared);
    const match = matchTenant(this.#configuration, { ...traits, declared });
    if (match !== undefined) return this.#payer(match);
    throw new WarpError('INVALID_ARGUMENT', {
      operation: `be tenant "${declared}"`,
      found: 'the configuration has no such tenant',
      hint: `there are ${Object.keys(this.#configuration.tenants).join(', ')}`,
    });
  }

  #checkDeclared(declared: string): void {
    if (this.#configuration.declared_tenants) return;
    throw new WarpError('PERMISSION_DENIED', {
      operation: `be tenant "${declared}"`,
      found: 'who is which tenant is decided by the configuration',
      hint: 'leave it out; for tests there is "declared_tenants = true"',
    });
  }

  /** By the name that the engine knows it by, whether or not the file still has it. */
  named(tenant: string): Payer {
    return this.#payers.get(tenant) ?? this.#payer(describeTenant(this.#configuration, tenant));
  }

  /** Payers outlive their clients only while something is charged to them. */
  #payer({ tenant, limits, section }: TenantMatch): Payer {
    const known = this.#payers.get(tenant);
    if (known !== undefined) return known;
    for (const [name, { account }] of this.#payers) if (account.isIdle) this.#payers.delete(name);
    const payer = { account: new Account(tenant, limits, section), limits, section };
    this.#payers.set(tenant, payer);
    return payer;
  }

  /** Puts another configuration into force. */
  configure(configuration: Configuration): void {
    this.#configuration = configuration;
    for (const payer of this.#payers.values()) {
      const { limits, section } = describeTenant(configuration, payer.account.tenant);
      payer.limits = limits;
      payer.section = section;
      payer.account.configure(limits, section);
    }
  }

  /** What the engine has to know of each. */
  forEngine(): { readonly tenant: string; readonly limits: ReturnType<typeof engineLimits> }[] {
    return [...this].map(({ account, limits }) => ({
      tenant: account.tenant,
      limits: engineLimits(limits),
    }));
  }

  [Symbol.iterator](): IterableIterator<Payer> {
    return this.#payers.values();
  }
}
