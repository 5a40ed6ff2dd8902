import { describe, expect, test } from 'vitest';
import { meetsBar, type Round, ratioOf, runRounds, unsteadyRounds, valuesOf } from '../../bench/rounds.ts';
import { median } from '../../bench/statistics.ts';

const round = (ours: number, yardstick: number): Round => ({
  ours: { rate: ours },
  other: { rate: yardstick },
});

/** Rounds that come in this order, one for each call; and the order that each was asked for. */
function script(rounds: readonly Round[]) {
  const left = [...rounds];
  const reversed: boolean[] = [];
  const measureRound = async (isReversed: boolean): Promise<Round> => {
    reversed.push(isReversed);
    const next = left.shift();
    if (next === undefined) throw new Error('one round too many');
    return next;
  };
  return { left, reversed, measureRound };
}

describe('the median', () => {
  test('of an odd number is the middle one, whatever the order', () => {
    expect(median([9, 1, 5])).toBe(5);
  });

  test('of an even number is the mean of the two middle ones', () => {
    expect(median([4, 1, 3, 100])).toBe(3.5);
  });

  test('of nothing is no number', () => {
    expect(median([])).toBeNaN();
  });

  test('leaves its input as it was', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe('a round', () => {
  test('is unsteady when its yardstick is more than 30 % off the median, in either direction', () => {
    const rounds = [round(1, 100), round(1, 131), round(1, 100), round(1, 69), round(1, 100)];
    expect(unsteadyRounds(rounds, ['other.rate'])).toEqual([1, 3]);
  });

  test('is steady at 30 %', () => {
    expect(unsteadyRounds([round(1, 100), round(1, 130), round(1, 100)], ['other.rate'])).toEqual([]);
  });

  test('may have any value of ours: only yardsticks tell whether the machine was quiet', () => {
    expect(unsteadyRounds([round(1, 100), round(500, 100), round(3, 100)], ['other.rate'])).toEqual([]);
  });

  test('that is furthest off is the first to be repeated', () => {
    const rounds = [round(1, 140), round(1, 100), round(1, 300), round(1, 100), round(1, 100)];
    expect(unsteadyRounds(rounds, ['other.rate'])).toEqual([2, 0]);
  });
});

describe('a metric', () => {
  test('of a contestant that took no part is no number', () => {
    expect(valuesOf([round(1, 2)], 'absent.rate')).toEqual([Number.NaN]);
  });

  test('that a contestant does not measure is a mistake in the table of figures', () => {
    expect(() => valuesOf([round(1, 2)], 'ours.speed')).toThrow('"ours" measures no "speed"');
  });
});

describe('running rounds', () => {
  test('repeats an unsteady round and keeps the repeated one', async () => {
    const { left, measureRound } = script([round(1, 100), round(2, 10), round(3, 100), round(4, 101)]);
    const outcome = await runRounds({ rounds: 3, yardsticks: ['other.rate'], measureRound });
    expect(valuesOf(outcome.rounds, 'ours.rate')).toEqual([1, 4, 3]);
    expect(outcome).toMatchObject({ repeats: 1, unsteady: 0 });
    expect(left).toEqual([]);
  });

  test('stops repeating after as many repeats as there are rounds, and says what stayed unsteady', async () => {
    const endless = [100, 10, 1000, 2000, 3000, 4000].map((yardstick) => round(1, yardstick));
    const { left, measureRound } = script(endless);
    const outcome = await runRounds({ rounds: 3, yardsticks: ['other.rate'], measureRound });
    expect(outcome.repeats).toBe(3);
    expect(outcome.unsteady).toBe(2);
    expect(left).toEqual([]);
  });

  test('alternates who measures first', async () => {
    const { reversed, measureRound } = script([round(1, 100), round(1, 100), round(1, 100)]);
    await runRounds({ rounds: 3, yardsticks: ['other.rate'], measureRound });
    expect(reversed).toEqual([false, true, false]);
  });
});

describe('a ratio', () => {
  test('is ours in terms of the yardstick', () => {
    expect(ratioOf(3, 2)).toBe(1.5);
  });

  test('meets a bar for latencies from below, one for rates from above, and both when it is on it', () => {
    expect(meetsBar(1.2, { better: 'lower', bar: 1.5 })).toBe(true);
    expect(meetsBar(1.6, { better: 'lower', bar: 1.5 })).toBe(false);
    expect(meetsBar(0.6, { better: 'higher', bar: 0.5 })).toBe(true);
    expect(meetsBar(0.4, { better: 'higher', bar: 0.5 })).toBe(false);
    expect(meetsBar(1.5, { better: 'lower', bar: 1.5 })).toBe(true);
    expect(meetsBar(0.5, { better: 'higher', bar: 0.5 })).toBe(true);
  });
});
