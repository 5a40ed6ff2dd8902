// A tenant as the engine sees it: what it may have in flight, and what it has. Tenants outlive their channels, so
// that a debt is not forgotten by connecting again.

import type { Channel } from './channel.ts';

export interface TenantLimits {
  readonly weight: number;
  /** Requests taken but not completed, over all channels. */
  readonly inFlightMax: number;
  /** The largest of the ranges of one request, bytes. */
  readonly requestBytesMax: number;
}

export class Tenant {
  readonly name: string;
  limits: TenantLimits;
  inFlight = 0;
  /** Channels whose submissions wait until fewer requests of the tenant are in flight. */
  readonly waiting = new Set<Channel>();

  constructor(name: string, limits: TenantLimits) {
    this.name = name;
    this.limits = limits;
  }
}
