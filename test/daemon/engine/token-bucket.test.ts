import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../../../src/daemon/engine/token-bucket.ts';

describe('a token bucket', () => {
  it('lets through its rate and its burst over any time, and one request that overdraws it', () => {
    const step = fc.record({
      millis: fc.integer({ min: 0, max: 50 }),
      wanted: fc.integer({ min: 1, max: 500 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const bucket = new TokenBucket({ perSecond: 10_000, burst: 300 }, 0);
        const taken: { at: number; amount: number }[] = [];
        let at = 0;
        for (const { millis, wanted } of steps) {
          at += millis;
          if (bucket.available(at) <= 0) continue;
          bucket.take(wanted);
          taken.push({ at, amount: wanted });
        }
        let mostOver = 0;
        for (const [first, { at: from }] of taken.entries()) {
          let sum = 0;
          for (const { at: until, amount } of taken.slice(first)) {
            sum += amount;
            mostOver = Math.max(mostOver, sum - (until - from) * 10);
          }
        }
        expect(mostOver).toBeLessThanOrEqual(300 + 500 + 1e-6);
      }),
    );
  });

  it('says how long nothing may be taken, and then lets it', () => {
    const bucket = new TokenBucket({ perSecond: 1_000, burst: 10 }, 0);
    expect(bucket.waitMillis(0)).toBe(0);
    bucket.take(110);
    expect(bucket.waitMillis(0)).toBe(100);
    expect(bucket.waitMillis(40)).toBe(60);
    expect(bucket.available(100)).toBe(0);
    expect(bucket.waitMillis(100)).toBeGreaterThan(0);
    expect(bucket.available(101)).toBe(1);
  });

  it('saves up no more than its burst', () => {
    const bucket = new TokenBucket({ perSecond: 1_000, burst: 10 }, 0);
    expect(bucket.available(1e9)).toBe(10);
  });

  it('takes another rate at once, and keeps its debt', () => {
    const bucket = new TokenBucket({ perSecond: 1_000, burst: 10 }, 0);
    bucket.take(110);
    bucket.configure({ perSecond: 100_000, burst: 10 }, 0);
    expect(bucket.waitMillis(0)).toBe(1);
    bucket.configure({ perSecond: 10, burst: 1 }, 500);
    expect(bucket.available(1e6)).toBe(1);
  });
});
