// Random numbers that are the same in every run: mulberry32, a 32-bit generator whose whole state is one word.

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** Uniform in [0, 1). */
  unit(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `min` to `max`, every order of magnitude as likely as the next. */
  size(min: number, max: number): number {
    return Math.round(min * (max / min) ** this.unit());
  }

  /** The time between two events that happen by chance, `mean` apart. */
  interval(mean: number): number {
    return -Math.log(1 - this.unit()) * mean;
  }
}
