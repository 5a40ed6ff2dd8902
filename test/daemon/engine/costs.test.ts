import { describe, expect, it } from 'vitest';
import { Costs } from '../../../src/daemon/engine/costs.ts';
import { operations } from '../../../src/shared/operations.ts';

const CRC32 = operations.crc32.number;
const MEBIBYTE = 1_048_576;

const learnt = (...measured: readonly (readonly [bytes: number, nanos: number, times?: number])[]): Costs => {
  const costs = new Costs();
  for (const [bytes, nanos, times = 1] of measured) {
    for (let time = 0; time < times; time++) costs.learn(CRC32, bytes, nanos);
  }
  return costs;
};

describe('an estimate', () => {
  it('is what was measured, where it was measured', () => {
    expect(learnt([4_096, 3_000, 10]).estimate(CRC32, 4_096)).toBeCloseTo(3_000);
    expect(learnt([MEBIBYTE, 90_000_000, 10]).estimate(CRC32, MEBIBYTE)).toBeCloseTo(90_000_000);
  });

  it('of a large request is not made endless by a small one that took long', () => {
    const costs = learnt([20, 5_000_000], [26, 40_000, 3]);
    expect(costs.estimate(CRC32, 65_536)).toBeLessThan(2_500_000);
  });

  it('is corrected by one request that is much larger', () => {
    const costs = learnt([4_096, 450_000, 500], [MEBIBYTE, 105_000_000]);
    expect(costs.estimate(CRC32, MEBIBYTE)).toBeGreaterThan(95_000_000);
  });

  it('follows fixed part and part per byte of sizes that differ', () => {
    const costs = learnt([65_536, 10_000 + 65_536, 100], [MEBIBYTE, 10_000 + MEBIBYTE, 100]);
    const expected = 10_000 + MEBIBYTE / 2;
    expect(Math.abs(costs.estimate(CRC32, MEBIBYTE / 2) / expected - 1)).toBeLessThan(0.02);
  });

  it('is never less than the price of moving a request', () => {
    expect(learnt([4_096, 0, 5]).estimate(CRC32, 4_096)).toBe(200);
    expect(learnt([0, 300, 5]).estimate(CRC32, 0)).toBeCloseTo(300);
  });
});
