// Keeps a number of asynchronous requests in flight: each lane starts its next one when its last one is done.

/**
 * Runs `request` for so long with so many in flight; it is given its lane and a running number, and tells how many
 * bytes it was. Returns the rate in bytes per second, of the time until the last one is done.
 */
export async function keepInFlight(
  lanes: number,
  millis: number,
  request: (lane: number, index: number) => Promise<number>,
): Promise<number> {
  const before = performance.now();
  const end = before + millis;
  let index = 0;
  let bytes = 0;
  const runLane = async (_: unknown, lane: number): Promise<void> => {
    while (performance.now() < end) {
      const requestBytes = await request(lane, index++);
      bytes += requestBytes;
    }
  };
  await Promise.all(Array.from({ length: lanes }, runLane));
  return (bytes / (performance.now() - before)) * 1e3;
}
