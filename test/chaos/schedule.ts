// What is struck, how, and when: the same for the same seed. Times are relative, since how long the daemon takes to
// recover is the machine's affair: most strikes wait until it has, some hit it while it does.

import type { DaemonRole, Standby } from '../fixtures/processes.ts';
import { Random } from './random.ts';

export type Target = DaemonRole | Standby | 'worker';

export interface Strike {
  /** Struck at once, in this order. */
  readonly targets: readonly Target[];
  readonly signal: 'SIGKILL' | 'SIGSTOP';
  /** It waits until the daemon serves again. The first always do: there is nothing in flight before. */
  readonly isPatient: boolean;
  /** After that, or after the strike before, milliseconds. */
  readonly pauseMillis: number;
  /** Which of the workers, counted round and round. */
  readonly worker: number;
}

/** How often each is chosen, relative to the others. */
const choices: readonly (readonly [weight: number, ...targets: Target[]])[] = [
  [30, 'engine'],
  [12, 'broker'],
  [12, 'custodian'],
  [18, 'worker'],
  [6, 'worker', 'worker'],
  [5, 'engine', 'broker'],
  [4, 'custodian', 'broker'],
  [4, 'worker', 'engine'],
  [4, 'custodian', 'engine'],
  [5, 'custodian', 'engine', 'broker'],
  [4, 'engine-standby'],
  [2, 'broker-standby'],
  [2, 'custodian-standby'],
  [4, 'engine-standby', 'engine'],
  [2, 'broker-standby', 'broker'],
  [2, 'custodian-standby', 'custodian'],
];
/** However short a run is: one of each kind, and engines enough to meet requests in every state. */
const beginning: readonly (readonly Target[])[] = [
  ['engine'],
  ['worker'],
  ['custodian'],
  ['engine'],
  ['broker'],
  ['engine', 'broker'],
  ['custodian', 'engine', 'broker'],
  ['engine'],
];
/** A run that ends before these has proved nothing. */
export const STRIKES_MIN = beginning.length;
/** One whose time is up, and that has not met requests in every state after so many, won't. */
export const STRIKES_MAX = 8 * STRIKES_MIN;
const STOP_PROBABILITY = 0.15;
const IMPATIENT_PROBABILITY = 0.25;
const PAUSE_MILLIS_MIN = 100;
const PAUSE_MILLIS_MAX = 700;

export function describeStrike({ targets, signal }: Strike): string {
  return `${signal} ${targets.join(', ')}`;
}

/** Strikes without end. */
export function* strikes(seed: number): Generator<Strike, never> {
  const random = new Random(seed);
  const when = () => ({
    pauseMillis: random.within(PAUSE_MILLIS_MIN, PAUSE_MILLIS_MAX),
    worker: random.within(0, 99),
  });
  for (const targets of beginning) yield { targets, signal: 'SIGKILL', isPatient: true, ...when() };
  for (;;) {
    yield {
      targets: choose(random),
      signal: random.happens(STOP_PROBABILITY) ? 'SIGSTOP' : 'SIGKILL',
      isPatient: !random.happens(IMPATIENT_PROBABILITY),
      ...when(),
    };
  }
}

function choose(random: Random): readonly Target[] {
  const sum = choices.reduce((total, [weight]) => total + weight, 0);
  let left = random.next() * sum;
  for (const [weight, ...targets] of choices) {
    left -= weight;
    if (left < 0) return targets;
  }
  return ['engine'];
}
