// Lines on standard error, which is where the log goes.

import { writeSync } from 'node:fs';

export const STDERR = 2;

/** Writes a line; loses it where it can't be written (a full disk, a reader that is gone): that is no reason to end. */
export function writeStderr(line: string): void {
  try {
    writeSync(STDERR, line);
  } catch {
    // Nobody could be told.
  }
}
