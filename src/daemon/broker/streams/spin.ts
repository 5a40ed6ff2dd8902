// How long the broker looks for completions by itself before it has the engine ring: being woken costs both sides more
// than a short look. What sleeping was worth decides: one that ended soon makes the next spin longer, one that lasted
// makes it shorter, so that requests that take long cost no processor time meanwhile.

/** About what waking the engine and being woken by it take on a virtual machine, milliseconds. */
export const SPIN_MILLIS_MAX = 1;
export const SPIN_MILLIS_MIN = 0.05;

export class Spin {
  #millis = SPIN_MILLIS_MIN;
  #sinceMillis = 0;
  #isAsleep = false;

  /** Something has come, or is waited for from now on. */
  begin(nowMillis: number): void {
    if (this.#isAsleep) this.#learn(nowMillis - this.#sinceMillis);
    this.#isAsleep = false;
    this.#sinceMillis = nowMillis;
  }

  /** Whether it is time to sleep. */
  isOver(nowMillis: number): boolean {
    return nowMillis - this.#sinceMillis >= this.#millis;
  }

  /** From now on until `begin`. */
  sleep(): void {
    this.#isAsleep = true;
  }

  /** It took so long, the spin in vain included. */
  #learn(waitedMillis: number): void {
    const isWorthwhile = waitedMillis < SPIN_MILLIS_MAX;
    const millis = isWorthwhile ? waitedMillis * 2 : this.#millis / 2;
    this.#millis = Math.max(SPIN_MILLIS_MIN, Math.min(SPIN_MILLIS_MAX, millis));
  }
}
