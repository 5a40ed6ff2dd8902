// A tenant as the engine sees it: what it may send, and what it has in flight. It outlives its channels, so that neither
// a debt nor an empty bucket is forgotten by connecting again (tenants.ts).

import type { Channel } from './channel.ts';
import { FLOOR_NANOS } from './costs.ts';
import { Recent } from './recent.ts';
import type { Flow } from './scheduler.ts';
import { type Rate, TokenBucket } from './token-bucket.ts';

/**
 * Time that the engine gives to what is no request (entries that are refused, rings of a doorbell), for each tenant:
 * 2 % of it, nanoseconds a second. A tenant that wants more waits with all it sends.
 */
const RUBBISH: Rate = { perSecond: 20_000_000, burst: 2_000_000 };

export interface TenantLimits {
  readonly weight: number;
  /** Requests taken but not completed, over all channels. */
  readonly inFlightMax: number;
  /** The largest of the ranges of one request, bytes. */
  readonly requestBytesMax: number;
  /** The largest estimated device time of one request, nanoseconds. */
  readonly requestNanosMax: number;
  /** Requests a second; no limit if left out. */
  readonly operations?: Rate | undefined;
  /** Input and output of requests together, bytes a second; no limit if left out. */
  readonly bytes?: Rate | undefined;
  /** Names of the devices that it may use; all if left out. */
  readonly devices?: readonly string[] | undefined;
  /** Faults of a device by its requests within a minute: from so many on it may have one request in flight, or none. */
  readonly faultsSlowed: number;
  readonly faultsStopped: number;
}

export class Tenant {
  readonly name: string;
  limits: TenantLimits;
  channels = 0;
  inFlight = 0;
  /** Channels whose submissions wait until the tenant may send more. */
  readonly waiting = new Set<Channel>();
  /** Where its device time is accounted: one flow for each device that it has used. */
  readonly flows: Flow[] = [];
  /** Rates are limited: each request has to be told by `spend`. */
  hasRates = false;
  readonly #rubbish: TokenBucket;
  readonly #faults = new Recent();
  #operations: TokenBucket | undefined;
  #bytes: TokenBucket | undefined;

  constructor(name: string, limits: TenantLimits, nowMillis = 0) {
    this.name = name;
    this.limits = limits;
    this.#rubbish = new TokenBucket(RUBBISH, nowMillis);
    this.#operations = limits.operations && new TokenBucket(limits.operations, nowMillis);
    this.#bytes = limits.bytes && new TokenBucket(limits.bytes, nowMillis);
    this.hasRates = this.#operations !== undefined || this.#bytes !== undefined;
  }

  /** Sets other limits, from now on: nothing that was taken is given up. */
  configure(limits: TenantLimits, nowMillis: number): void {
    this.limits = limits;
    this.#operations = reconfigure(this.#operations, limits.operations, nowMillis);
    this.#bytes = reconfigure(this.#bytes, limits.bytes, nowMillis);
    this.hasRates = this.#operations !== undefined || this.#bytes !== undefined;
    for (const flow of this.flows) flow.weight = limits.weight;
  }

  /** A device was lost over a request of this tenant. */
  noteFault(nowMillis: number): void {
    this.#faults.note(nowMillis);
  }

  isSlowed(nowMillis: number): boolean {
    return this.#faults.count(nowMillis) >= this.limits.faultsSlowed;
  }

  isStopped(nowMillis: number): boolean {
    return this.#faults.count(nowMillis) >= this.limits.faultsStopped;
  }

  /** It has nothing, and its rates and its faults are as those of one that was never here. */
  isBlank(nowMillis: number): boolean {
    const buckets = [this.#rubbish, this.#operations, this.#bytes];
    const isUnused = this.channels === 0 && this.inFlight === 0 && this.#faults.count(nowMillis) === 0;
    return isUnused && buckets.every((bucket) => bucket?.isFull(nowMillis) ?? true);
  }

  /** How many requests may be taken from its channels now; 0 or less: none. */
  room(nowMillis: number): number {
    const room = (this.isSlowed(nowMillis) ? 1 : this.limits.inFlightMax) - this.inFlight;
    if (this.#rubbish.available(nowMillis) <= 0) return 0;
    if (this.isOverdrawn(nowMillis)) return 0;
    return this.#operations === undefined
      ? room
      : Math.min(room, Math.ceil(this.#operations.available(nowMillis)));
  }

  /** Whether its rate of bytes has been used up, which a single request may do. */
  isOverdrawn(nowMillis: number): boolean {
    return this.#bytes !== undefined && this.#bytes.available(nowMillis) <= 0;
  }

  /** How long the buckets keep it from sending, milliseconds; 0 if it is not they that do. */
  waitMillis(nowMillis: number): number {
    return Math.max(
      this.#rubbish.waitMillis(nowMillis),
      this.#operations?.waitMillis(nowMillis) ?? 0,
      this.#bytes?.waitMillis(nowMillis) ?? 0,
    );
  }

  /** A request was taken, or an entry that was to be one. */
  spend(bytes: number): void {
    this.#operations?.take(1);
    this.#bytes?.take(bytes);
  }

  /** Something was done for it that is no request: on all its devices it pays the least price of one. */
  chargeRubbish(count: number): void {
    this.#rubbish.take(count * FLOOR_NANOS);
    for (const flow of this.flows) flow.charge(count * FLOOR_NANOS);
  }
}

function reconfigure(
  bucket: TokenBucket | undefined,
  rate: Rate | undefined,
  nowMillis: number,
): TokenBucket | undefined {
  if (rate === undefined) return undefined;
  if (bucket === undefined) return new TokenBucket(rate, nowMillis);
  bucket.configure(rate, nowMillis);
  return bucket;
}
