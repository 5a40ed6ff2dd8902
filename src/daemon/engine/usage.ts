// What one tenant has had of one device: requests, bytes, device time, and how long its requests waited. Counted where
// requests move, so nothing here allocates.

import type { UsageCounts } from '../../shared/picture.ts';
import { Durations } from './durations.ts';

export class Usage {
  requests = 0;
  failed = 0;
  bytes = 0;
  deviceNanos = 0;
  readonly #waits = new Durations();

  completed(bytes: number, deviceNanos: number, isGood: boolean): void {
    this.requests += 1;
    this.bytes += bytes;
    this.deviceNanos += deviceNanos;
    if (!isGood) this.failed += 1;
  }

  /** A request that is completed had been in its queue for so long. Not told of those that had not to wait. */
  waited(millis: number): void {
    this.#waits.note(millis);
  }

  counts(): UsageCounts {
    const { requests, failed, bytes, deviceNanos } = this;
    const waits = this.#waits.counts(requests - this.#waits.count);
    return { requests, failed, bytes, deviceNanos, waitMillis: this.#waits.millis, waits };
  }
}
