// A limit of a rate: so much a second, and a burst of so much after a pause.
//
// What is taken may be more than there is, so that nothing is ever too large to pass: the bucket is then in debt and
// gives nothing until the debt is paid. Over any time T it lets through at most `perSecond * T + burst` and the one
// request that overdrew it.
//
// Pure: the time is told, milliseconds of a clock that never goes back.

import { assert } from '../../shared/assert.ts';

const MILLIS_PER_SECOND = 1_000;

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export class TokenBucket {
  #perMilli: number;
  #burst: number;
  #tokens: number;
  #atMillis: number;

  constructor({ perSecond, burst }: Rate, nowMillis: number) {
    assert(perSecond > 0 && burst > 0, 'a rate and its burst are positive');
    this.#perMilli = perSecond / MILLIS_PER_SECOND;
    this.#burst = burst;
    this.#tokens = burst;
    this.#atMillis = nowMillis;
  }

  /** Another rate from now on. What was saved up stays, as far as the new burst goes; a debt stays. */
  configure({ perSecond, burst }: Rate, nowMillis: number): void {
    assert(perSecond > 0 && burst > 0, 'a rate and its burst are positive');
    this.#fill(nowMillis);
    this.#perMilli = perSecond / MILLIS_PER_SECOND;
    this.#burst = burst;
    this.#tokens = Math.min(this.#tokens, burst);
  }

  /** What may be taken now; 0 or less: nothing. */
  available(nowMillis: number): number {
    this.#fill(nowMillis);
    return this.#tokens;
  }

  /** Nothing was taken that has not come back. */
  isFull(nowMillis: number): boolean {
    this.#fill(nowMillis);
    return this.#tokens >= this.#burst;
  }

  take(amount: number): void {
    this.#tokens -= amount;
  }

  /** How long until something may be taken again, milliseconds; 0 if it may be now. */
  waitMillis(nowMillis: number): number {
    this.#fill(nowMillis);
    if (this.#tokens > 0) return 0;
    // With exactly nothing there is nothing yet either.
    return Math.max(-this.#tokens / this.#perMilli, Number.EPSILON);
  }

  #fill(nowMillis: number): void {
    const passedMillis = nowMillis - this.#atMillis;
    if (passedMillis <= 0) return;
    this.#atMillis = nowMillis;
    this.#tokens = Math.min(this.#burst, this.#tokens + passedMillis * this.#perMilli);
  }
}
