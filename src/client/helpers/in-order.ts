// Work done side by side, with its results in the order of its input.

/**
 * Runs `run` on each item, at most `inFlightMax` at once, and yields the results in order, each as soon as it is
 * there and wanted. Nothing more is begun while a result waits to be taken and `inFlightMax` are under way. Before it
 * ends, for whichever reason, everything that it began has ended.
 */
export async function* inOrder<Item, Result>(
  items: AsyncIterable<Item>,
  inFlightMax: number,
  run: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const iterator = items[Symbol.asyncIterator]();
  const running: Promise<Result>[] = [];
  try {
    let next: Promise<IteratorResult<Item>> | undefined = observed(iterator.next());
    for (;;) {
      const first = running[0];
      if (first === undefined && next === undefined) return;
      if (
        first !== undefined &&
        (next === undefined || running.length >= inFlightMax || !(await comes(next, first)))
      ) {
        yield await first;
        void running.shift();
        continue;
      }
      const { done, value } = await (next as Promise<IteratorResult<Item, undefined>>);
      next = done === true ? undefined : observed(iterator.next());
      if (done !== true) running.push(observed(run(value)));
    }
  } finally {
    await Promise.allSettled(running);
  }
}

/** Whether the next item is there before the first result is. */
function comes(next: Promise<unknown>, first: Promise<unknown>): Promise<boolean> {
  return Promise.race([next.then(() => true), first.then(() => false)]);
}

/** A promise that may be rejected before anybody waits for it: that is not an unhandled rejection. */
function observed<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
