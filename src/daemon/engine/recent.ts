// How often something has happened within the last minute. Pure: the time is told.

const MINUTE_MILLIS = 60_000;

export class Recent {
  #times: number[] = [];

  note(nowMillis: number): void {
    this.#prune(nowMillis);
    this.#times.push(nowMillis);
  }

  count(nowMillis: number): number {
    this.#prune(nowMillis);
    return this.#times.length;
  }

  clear(): void {
    this.#times = [];
  }

  #prune(nowMillis: number): void {
    if (this.#times.length === 0 || (this.#times[0] as number) > nowMillis - MINUTE_MILLIS) return;
    this.#times = this.#times.filter((time) => time > nowMillis - MINUTE_MILLIS);
  }
}
