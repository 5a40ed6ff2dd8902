// What one tenant has had of one device: requests, bytes, device time, and how long its requests waited. Counted where
// requests move, so nothing here allocates.

import { type UsageCounts, WAIT_BUCKETS } from '../../shared/picture.ts';

const MICROS_PER_MILLI = 1_000;

export class Usage {
  requests = 0;
  failed = 0;
  bytes = 0;
  deviceNanos = 0;
  waitMillis = 0;
  #waited = 0;
  readonly #waits = new Float64Array(WAIT_BUCKETS);

  completed(bytes: number, deviceNanos: number, isGood: boolean): void {
    this.requests += 1;
    this.bytes += bytes;
    this.deviceNanos += deviceNanos;
    if (!isGood) this.failed += 1;
  }

  /** A request that is completed had been in its queue for so long. Not told of those that had not to wait. */
  waited(millis: number): void {
    this.waitMillis += millis;
    this.#waited += 1;
    const micros = Math.min(millis * MICROS_PER_MILLI, 2 ** WAIT_BUCKETS);
    const bucket = Math.min(32 - Math.clz32(micros), WAIT_BUCKETS - 1);
    this.#waits[bucket] = (this.#waits[bucket] as number) + 1;
  }

  counts(): UsageCounts {
    const { requests, failed, bytes, deviceNanos, waitMillis } = this;
    const [first = 0, ...others] = this.#waits;
    const waits = [first + requests - this.#waited, ...others];
    return { requests, failed, bytes, deviceNanos, waitMillis, waits };
  }
}
