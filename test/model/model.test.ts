// The models hold in every state, and each way to get the protocol wrong is found.

import { describe, expect, it, vi } from 'vitest';
import { type Exploration, explore } from './explorer.ts';
import { type Kind, slotModel, slotMutants } from './slot.model.ts';
import { sleepWakeModel, sleepWakeMutants } from './sleep-wake.model.ts';

// It is pure computation, as long as it takes.
vi.setConfig({ testTimeout: 120_000 });

/** What went wrong and how, so that a failure tells it. */
function failureOf({ failure }: Exploration): string {
  return failure === undefined ? 'none' : [failure.what, ...failure.trace].join('\n  ');
}

describe('sleeping and waking', () => {
  it('loses no wake-up, whatever the order and whoever dies', () => {
    const exploration = explore(sleepWakeModel(2));
    expect(failureOf(exploration)).toBe('none');
    expect(exploration.states).toBeGreaterThan(10_000);
  });

  it.each(sleepWakeMutants)('is found wrong when %s', (mutant) => {
    expect(explore(sleepWakeModel(1, mutant)).failure?.what).toBe('nothing leads to the end from here');
  });
});

describe('the life of a slot', () => {
  const mixes: readonly (readonly Kind[])[] = [
    ['pure', 'effect', 'bad'],
    ['effect', 'bad', 'pure'],
    ['pure', 'pure', 'pure'],
    ['effect', 'effect', 'effect'],
  ];

  it.each(mixes)('gives each request one completion, and runs none too often: %s, %s, %s', (...requests) => {
    const exploration = explore(slotModel({ requests, crashes: 2 }));
    expect(failureOf(exploration)).toBe('none');
    expect(exploration.states).toBeGreaterThan(1_000);
  });

  it.each(slotMutants)('is found wrong when %s', (mutant) => {
    const isFound = (requests: readonly Kind[]): boolean =>
      explore(slotModel({ requests, crashes: 2, mutant })).failure !== undefined;
    expect(mixes.some(isFound)).toBe(true);
  });
});
