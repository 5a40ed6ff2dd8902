// Calls that have to take turns: one after the other for each name, side by side for different ones.

import { WarpError } from '../../shared/errors.ts';

export class Turns {
  /** By name: settles when all calls so far are over, whatever became of them. */
  readonly #last = new Map<string, Promise<unknown>>();

  /**
   * Acts when all earlier calls of that name are over. Rejects with what `act` does, and at once with CANCELLED when the
   * signal comes before its turn; then it never acts.
   */
  async take<Result>(name: string, signal: AbortSignal, act: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(name) ?? Promise.resolve();
    const turn = before.then(() => {
      if (signal.aborted) throw givenUp();
      return act();
    });
    const over = turn.catch(() => {});
    this.#last.set(name, over);
    void over.then(() => {
      if (this.#last.get(name) === over) this.#last.delete(name);
    });
    await beforeOrAborted(before, signal);
    return turn;
  }
}

async function beforeOrAborted(before: Promise<unknown>, signal: AbortSignal): Promise<void> {
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(givenUp());
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  });
  try {
    await Promise.race([before, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function givenUp(): WarpError {
  return new WarpError('CANCELLED', { operation: 'wait in line for a hardware queue' });
}
