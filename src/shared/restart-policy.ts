// How long to wait before a child process is started again: not at all after one that had served, longer each time
// after ones that died without having done anything useful.

const FIRST_PAUSE_MILLIS = 100;
const LONGEST_PAUSE_MILLIS = 5_000;

export class RestartPolicy {
  #failures = 0;

  /** The child does its work: what it dies of later is not a failure to start. */
  served(): void {
    this.#failures = 0;
  }

  /** How many children in a row have died without having served. */
  get failures(): number {
    return this.#failures;
  }

  /** Notes the death of a child; returns the pause before the next start, milliseconds. */
  died(): number {
    const pause = this.#failures === 0 ? 0 : FIRST_PAUSE_MILLIS * 2 ** (this.#failures - 1);
    this.#failures += 1;
    return Math.min(pause, LONGEST_PAUSE_MILLIS);
  }
}
