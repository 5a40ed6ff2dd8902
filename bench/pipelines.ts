// Measures a stream on which each message has its answer: a gRPC call, ours or bare.

import { latencyOf } from './statistics.ts';
import type { Metrics } from './turns.ts';

export interface Pipeline {
  /** Sends so many items, as one message. */
  send(items: number): void;
  /** Told how many items were answered. */
  onAnswers: (items: number) => void;
}

/** Items per second, with so many in flight; each message has `batch` of them. */
export function measureRate(
  pipeline: Pipeline,
  millis: number,
  { depth, batch }: { readonly depth: number; readonly batch: number },
): Promise<Metrics> {
  return new Promise((resolve) => {
    const before = performance.now();
    let sent = 0;
    let answered = 0;
    const fill = (): void => {
      for (; sent - answered + batch <= depth; sent += batch) pipeline.send(batch);
    };
    pipeline.onAnswers = (items) => {
      answered += items;
      if (performance.now() - before < millis) fill();
      else if (answered === sent) resolve({ rate: (answered / (performance.now() - before)) * 1e3 });
    };
    fill();
  });
}

/** One item at a time. */
export async function measureRoundTrips(pipeline: Pipeline, count: number): Promise<Metrics> {
  const samples = new Float64Array(count);
  for (let index = 0; index < count; index++) {
    const before = performance.now();
    // Read in the callback: a promise would add its own turn of the microtask queue.
    await new Promise<void>((resolve) => {
      pipeline.onAnswers = () => {
        samples[index] = performance.now() - before;
        resolve();
      };
      pipeline.send(1);
    });
  }
  return { ...latencyOf(samples) };
}

/** Bytes of memory that a process holds. */
export function residentBytes(status: string): number {
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) * 1024;
}
