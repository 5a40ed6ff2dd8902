// The tenants that this engine knows: all that have a channel, and those that had one, so that nobody loses a debt by
// connecting again. Of the latter only so many are remembered: when others come, those go that left the longest ago and
// owe nothing any more. Their counters go with them.
//
//     enter --> has channels --last one left--> away --enter--> has channels
//                                                 \--others come, nothing owed--> forgotten
//
// What is owed on a device that nobody else uses stays owed, since its virtual time stands still. So a debt is forgiven in
// time too, at a rate that makes it no use to stay away in order to be forgiven.

import type { Device } from './device.ts';
import { Tenant, type TenantLimits } from './tenant.ts';

/** Tenants without a channel that are remembered in any case. */
export const AWAY_MAX = 1_024;
/** Nobody is forgotten sooner, milliseconds: counters are read less often than every moment. */
export const AWAY_MILLIS_MIN = 600_000;
/** Device time that is forgiven for each time away: a hundredth. */
const FORGIVEN_NANOS_PER_MILLI = 10_000;
/** Tenants away that are looked at for each that comes: more than one, so that they become fewer. */
const LOOKS = 2;

export class Tenants {
  readonly #devices: readonly Device[];
  readonly #now: () => number;
  readonly #byName = new Map<string, Tenant>();
  /** Since when: the one that left, or was looked at, the longest ago is the first. */
  readonly #away = new Map<Tenant, number>();

  /** `now`: milliseconds. The clock of an engine that sleeps stands still. */
  constructor(devices: readonly Device[], now = () => performance.now()) {
    this.#devices = devices;
    this.#now = now;
  }

  find(name: string): Tenant | undefined {
    return this.#byName.get(name);
  }

  [Symbol.iterator](): IterableIterator<Tenant> {
    return this.#byName.values();
  }

  /** The tenant of one more channel, with the limits of now. */
  enter(name: string, limits: TenantLimits): Tenant {
    const tenant = this.#byName.get(name) ?? this.#create(name, limits);
    tenant.configure(limits, this.#now());
    tenant.channels += 1;
    this.#away.delete(tenant);
    return tenant;
  }

  /** A channel of it has ended. */
  leave(tenant: Tenant): void {
    tenant.channels -= 1;
    if (tenant.channels === 0) this.#away.set(tenant, this.#now());
  }

  #create(name: string, limits: TenantLimits): Tenant {
    this.#forgetSome();
    const tenant = new Tenant(name, limits, this.#now());
    this.#byName.set(name, tenant);
    for (const device of this.#devices) device.flowOf(tenant);
    return tenant;
  }

  #forgetSome(): void {
    const nowMillis = this.#now();
    const excess = Math.min(LOOKS, this.#away.size - AWAY_MAX);
    for (let look = 0; look < excess; look++) {
      const [[tenant, sinceMillis] = []] = this.#away;
      if (tenant === undefined || sinceMillis === undefined) return;
      this.#away.delete(tenant);
      if (this.#isSettled(tenant, nowMillis, sinceMillis)) this.#forget(tenant);
      else this.#away.set(tenant, sinceMillis);
    }
  }

  #isSettled(tenant: Tenant, nowMillis: number, sinceMillis: number): boolean {
    const awayMillis = nowMillis - sinceMillis;
    const forgivenNanos = awayMillis * FORGIVEN_NANOS_PER_MILLI;
    return (
      awayMillis >= AWAY_MILLIS_MIN &&
      tenant.isBlank(nowMillis) &&
      this.#devices.every((device) => device.debtOf(tenant) <= forgivenNanos)
    );
  }

  #forget(tenant: Tenant): void {
    this.#byName.delete(tenant.name);
    for (const device of this.#devices) device.forget(tenant);
  }
}
