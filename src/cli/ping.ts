// warpctl ping: round trips of a request that does nothing, which is what WarpDrive itself costs.

import { type Completion, type Connection, type Queue, WarpError } from '../client/index.ts';
import type { Output } from './output.ts';

/** Round trips before the count: the first ones wait for compilers and caches. */
const WARM_UP_COUNT = 1_000;

export interface PingOptions {
  readonly count: number;
  /** How long one round trip may take. */
  readonly timeoutMillis: number;
}

export async function ping(connection: Connection, output: Output, options: PingOptions): Promise<void> {
  const queue = await requestNopQueue(connection);
  measure(queue, { ...options, count: Math.min(WARM_UP_COUNT, options.count) });
  const micros = measure(queue, options).sort();
  const at = (share: number): number => round(micros[Math.floor((micros.length - 1) * share)] ?? 0);
  const document = {
    device: queue.device,
    roundTrips: options.count,
    minMicros: at(0),
    medianMicros: at(0.5),
    p99Micros: at(0.99),
  };
  const { device, minMicros, medianMicros, p99Micros } = document;
  await queue.release();
  output.show(
    document,
    `${device}: ${options.count} round trips: min ${minMicros} us, median ${medianMicros} us, p99 ${p99Micros} us\n`,
  );
}

async function requestNopQueue(connection: Connection): Promise<Queue> {
  try {
    return await connection.requestQueue({ algorithm: 'nop' });
  } catch (cause) {
    if (!(cause instanceof WarpError) || cause.code !== 'NO_SUCH_ALGORITHM') throw cause;
    throw new WarpError('NO_SUCH_ALGORITHM', {
      operation: 'ping',
      found: 'the daemon has no device of the driver "null", which alone answers at once',
      hint: 'add one to its configuration: [devices.null0], driver = "null"',
      cause,
    });
  }
}

/** Microseconds of each round trip. Blocks: nothing else has to happen meanwhile. */
function measure(queue: Queue, { count, timeoutMillis }: PingOptions): Float64Array {
  const micros = new Float64Array(count);
  const completions: Completion[] = [];
  const request = { operation: 'nop' } as const;
  for (let index = 0; index < count; index++) {
    const startMillis = performance.now();
    if (!queue.send(request) || queue.recvSync(completions, timeoutMillis) === 0) {
      throw new WarpError('DEADLINE_EXCEEDED', {
        operation: 'ping',
        found: `no answer to round trip ${index + 1} within ${timeoutMillis} ms`,
      });
    }
    const [completion] = completions;
    if (completion !== undefined && completion.code !== 'OK')
      throw new WarpError(completion.code, { operation: 'ping' });
    micros[index] = (performance.now() - startMillis) * 1000;
  }
  return micros;
}

/** To a hundredth: the clock is no better. */
function round(micros: number): number {
  return Math.round(micros * 100) / 100;
}
