// Medians and percentiles, and the clock that latencies are read from.

/** The middle one; the mean of the two middle ones of an even number. NaN if there are none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** The smallest of some sorted values that is not below `share` of them. NaN if there are none. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/**
 * The same of what was counted in buckets, of which each reaches to twice the one before and the first to 1: taken to
 * be spread evenly within its bucket.
 */
export function bucketPercentile(counts: readonly number[], share: number): number {
  const wanted = counts.reduce((sum, count) => sum + count, 0) * share;
  let below = 0;
  for (const [index, count] of counts.entries()) {
    if (count > 0 && below + count >= wanted) {
      const from = index === 0 ? 0 : 2 ** (index - 1);
      return from + (2 ** index - from) * ((wanted - below) / count);
    }
    below += count;
  }
  return Number.NaN;
}

export interface Latency {
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
}

/**
 * Percentiles of latencies in milliseconds, less what reading the clock costs: about 0.1 us in JavaScript, which
 * would be a good part of a round trip through shared memory. The C yardsticks subtract theirs likewise.
 * Sorts the samples in place.
 */
export function latencyOf(sampleMillis: Float64Array): Latency {
  sampleMillis.sort();
  const clock = clockCostMillis();
  const at = (share: number) =>
    ((sampleMillis[Math.floor(sampleMillis.length * share)] ?? NaN) - clock) * 1e3;
  return { p50: at(0.5), p99: at(0.99) };
}

const CLOCK_READS = 20_001;
const clockReads = new Float64Array(CLOCK_READS);

/** The median of what two readings in a row differ by. */
function clockCostMillis(): number {
  let before = performance.now();
  for (let index = 0; index < CLOCK_READS; index++) {
    const now = performance.now();
    clockReads[index] = now - before;
    before = now;
  }
  clockReads.sort();
  return clockReads[Math.floor(CLOCK_READS / 2)] ?? 0;
}
