// The pause before each request of the wake-up figures.

import { setTimeout } from 'node:timers/promises';

/** Long enough for every side that spins to fall asleep; the C yardstick has the same. */
const PAUSE_MILLIS = 6;

export function fallAsleep(): Promise<void> {
  return setTimeout(PAUSE_MILLIS);
}
