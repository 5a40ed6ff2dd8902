import { describe, expect, it } from 'vitest';
import { Spin, SPIN_MILLIS_MAX, SPIN_MILLIS_MIN } from '../../../src/daemon/broker/streams/spin.ts';

/** What a spin lasts after waits of these lengths, each slept through unless it ends within the spin. */
function lengthAfter(waits: readonly number[]): number {
  const spin = new Spin();
  let now = 1_000;
  spin.begin(now);
  for (const wait of waits) {
    if (spin.isOver(now + wait)) spin.sleep();
    now += wait;
    spin.begin(now);
  }
  const step = SPIN_MILLIS_MIN / 10;
  let length = 0;
  while (!spin.isOver(now + length)) length += step;
  return length;
}

describe('a spin', () => {
  it('is short at first, and covers waits that a longer one would have saved', () => {
    expect(lengthAfter([])).toBeCloseTo(SPIN_MILLIS_MIN);
    expect(lengthAfter([0.3])).toBeCloseTo(0.6);
    expect(lengthAfter([0.3, 0.3, 0.3])).toBeCloseTo(0.6);
  });

  it('never lasts longer than the most', () => {
    expect(lengthAfter([0.9, 0.9])).toBeCloseTo(SPIN_MILLIS_MAX);
  });

  it('is given up where waits take long', () => {
    expect(lengthAfter([0.9, 5, 5])).toBeCloseTo(SPIN_MILLIS_MAX / 4);
    expect(lengthAfter([0.9, ...Array.from({ length: 20 }, () => 5)])).toBeCloseTo(SPIN_MILLIS_MIN);
  });
});
