// Calls that have to take turns: one after the other for each name, side by side for different ones.

export class Turns {
  /** By name: settles when the last call is over, whatever became of it. */
  readonly #last = new Map<string, Promise<void>>();

  /** Acts when all earlier calls of that name are over. Rejects with what `act` does. */
  async take<Result>(name: string, act: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(name);
    const turn = (before ?? Promise.resolve()).then(act);
    const over = turn.then(
      () => {},
      () => {},
    );
    this.#last.set(name, over);
    try {
      return await turn;
    } finally {
      if (this.#last.get(name) === over) this.#last.delete(name);
    }
  }
}
