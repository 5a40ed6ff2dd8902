import { describe, expect, test } from 'vitest';
import type { Result } from '../../bench/measure.ts';
import { worseThan } from '../../bench/recorded.ts';
import { bucketPercentile } from '../../bench/statistics.ts';

const figure = (name: string, ratio: number | null, better: Result['better']): Result => ({
  name,
  what: '',
  against: '',
  value: 1,
  unit: 'us',
  yardstick: 1,
  ratio,
  better,
});

describe('a figure is worse than recorded', () => {
  test.each([
    ['a rate at three quarters', 0.75, 'higher', false],
    ['a rate below that', 0.74, 'higher', true],
    ['a rate that has grown', 2, 'higher', false],
    ['a latency a quarter up', 1.25, 'lower', false],
    ['a latency above that', 1.26, 'lower', true],
    ['what could not be measured', null, 'lower', true],
  ] as const)('%s', (_, ratio, better, isWorse) => {
    expect(worseThan({ it: 1 }, [figure('it', ratio, better)]).has('it')).toBe(isWorse);
  });

  test('only where something was recorded', () => {
    expect(worseThan({ it: 1 }, [figure('other', 0, 'higher')]).size).toBe(0);
  });
});

describe('a percentile of buckets', () => {
  test('lies within its bucket, in proportion', () => {
    expect(bucketPercentile([0, 0, 0, 100], 0.5)).toBe(6);
    expect(bucketPercentile([50, 0, 50], 0.5)).toBe(1);
    expect(bucketPercentile([0, 999, 0, 0, 1], 0.9995)).toBeGreaterThan(8);
  });

  test('of nothing is nothing', () => {
    expect(bucketPercentile([0, 0], 0.5)).toBeNaN();
  });
});
