// What the log says of callers that misbehave, or are refused something: one line for each kind and user, then none of
// that kind for a while, so that nobody fills the disk with it. The next line tells how many were left out.

import type { Logger } from 'pino';

/** Between two lines of the same kind about the same user, milliseconds. */
const QUIET_MILLIS = 10_000;
/** Kinds and users that are remembered, before those that are quiet no more are forgotten. */
const REMEMBERED_MAX = 256;

interface Quiet {
  readonly untilMillis: number;
  leftOut: number;
}

export class Complaints {
  readonly #log: Logger;
  readonly #quiet = new Map<string, Quiet>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** `kind` is the line's message, `payer` whom it is about; `reason` tells lines of one kind apart. */
  note(kind: string, payer: string, details: Readonly<Record<string, unknown>> = {}, reason = ''): void {
    const key = `${payer} ${kind} ${reason}`;
    const now = performance.now();
    const quiet = this.#quiet.get(key);
    if (quiet !== undefined && now < quiet.untilMillis) {
      quiet.leftOut += 1;
      return;
    }
    if (this.#quiet.size >= REMEMBERED_MAX) this.#forget(now);
    this.#quiet.set(key, { untilMillis: now + QUIET_MILLIS, leftOut: 0 });
    this.#log.warn({ payer, ...details, leftOut: quiet?.leftOut ?? 0 }, kind);
  }

  #forget(nowMillis: number): void {
    for (const [key, { untilMillis }] of this.#quiet) if (nowMillis >= untilMillis) this.#quiet.delete(key);
  }
}
