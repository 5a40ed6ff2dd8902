// What requests cost: an estimate of device time, per operation a fixed part and a part per byte, learnt from
// measured completions by a least-squares line over the recent past.
//
// Sizes that hardly differ say nothing about the part per byte: one small request that took long must not make a large
// one look endless. So the slope is drawn to what is assumed at first, by as much as one pair of measurements
// `PRIOR_SPREAD_BYTES` apart would draw it. At the mean of the sizes seen the estimate is the mean of the times seen.

import { OPERATION_NUMBERS } from '../../shared/operations.ts';

/** The least that any request is charged, nanoseconds: about what it costs the engine to move one. */
export const FLOOR_NANOS = 200;

/** Before anything was measured: 20 us and 5 ns a byte (200 MB/s), a slow accelerator. */
const FIXED_NANOS_AT_FIRST = 20_000;
const NANOS_PER_BYTE_AT_FIRST = 5;

/** How much of the past is kept at each measurement: half of it is forgotten after about 700. */
const KEEP = 0.999;

/** About where the part per byte begins to matter beside the fixed part. */
const PRIOR_SPREAD_BYTES = 65_536;
const PRIOR_WEIGHT = PRIOR_SPREAD_BYTES ** 2 / 2;

/** Sums of one operation's measurements, in which older ones count less: n, x, y, xx, xy. */
const SUMS = 5;

export class Costs {
  readonly #fixedNanos = new Float64Array(OPERATION_NUMBERS).fill(FIXED_NANOS_AT_FIRST);
  readonly #nanosPerByte = new Float64Array(OPERATION_NUMBERS).fill(NANOS_PER_BYTE_AT_FIRST);
  readonly #sums = new Float64Array(OPERATION_NUMBERS * SUMS);

  /** Estimated device time of a request with `bytes` bytes of input and output together, nanoseconds. */
  estimate(operation: number, bytes: number): number {
    return (this.#fixedNanos[operation] as number) + (this.#nanosPerByte[operation] as number) * bytes;
  }

  learn(operation: number, bytes: number, nanos: number): void {
    const sums = this.#sums;
    const at = operation * SUMS;
    const n = (sums[at] as number) * KEEP + 1;
    const x = (sums[at + 1] as number) * KEEP + bytes;
    const y = (sums[at + 2] as number) * KEEP + nanos;
    const xx = (sums[at + 3] as number) * KEEP + bytes * bytes;
    const xy = (sums[at + 4] as number) * KEEP + bytes * nanos;
    sums[at] = n;
    sums[at + 1] = x;
    sums[at + 2] = y;
    sums[at + 3] = xx;
    sums[at + 4] = xy;
    const meanBytes = x / n;
    const meanNanos = y / n;
    const spread = xx - x * meanBytes + PRIOR_WEIGHT;
    const slope = (xy - x * meanNanos + PRIOR_WEIGHT * NANOS_PER_BYTE_AT_FIRST) / spread;
    const slopeMax = x > 0 ? Math.max(0, meanNanos - FLOOR_NANOS) / meanBytes : 0;
    const nanosPerByte = Math.min(Math.max(0, slope), slopeMax);
    this.#nanosPerByte[operation] = nanosPerByte;
    this.#fixedNanos[operation] = Math.max(FLOOR_NANOS, meanNanos - nanosPerByte * meanBytes);
  }
}
