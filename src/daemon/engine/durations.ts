// Durations by powers of two of a microsecond. Counted where requests move, so nothing here allocates.

import { WAIT_BUCKETS } from '../../shared/picture.ts';

const MICROS_PER_MILLI = 1_000;

export class Durations {
  /** How many there were, and their sum. */
  count = 0;
  millis = 0;
  readonly #buckets = new Float64Array(WAIT_BUCKETS);

  note(millis: number): void {
    this.count += 1;
    this.millis += millis;
    const micros = Math.min(millis * MICROS_PER_MILLI, 2 ** WAIT_BUCKETS);
    const bucket = Math.min(32 - Math.clz32(micros), WAIT_BUCKETS - 1);
    this.#buckets[bucket] = (this.#buckets[bucket] as number) + 1;
  }

  /** How many were in each bucket; `zeros`: how many more there were that took no time. */
  counts(zeros = 0): number[] {
    const [first = 0, ...others] = this.#buckets;
    return [first + zeros, ...others];
  }
}
