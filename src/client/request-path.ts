// The way of requests to the daemon and of completions back, as queues use it: shared memory (fast-path.ts) or a gRPC
// stream (stream-path.ts).

import type { ErrorCode } from '../shared/errors.ts';
import type { Promised, Queue } from './queue.ts';
import type { Completion, Request } from './request.ts';

/** Called when the way is over and everything in flight has been given a code. */
export type OnEnded = (reason: ErrorCode) => void;

export interface RequestPath {
  readonly isEnded: boolean;
  /** Sends one request, for which there may be a promise; false if there is no room for it or the way is over. */
  send(queue: Queue, request: Request, promised: Promised | undefined): boolean;
  /**
   * Reaps completions until `wanted` of `queue` were put into `into`, or there are no more; those of promises and of
   * other queues go to them. Returns how many it put.
   */
  reap(queue: Queue | undefined, into: Completion[], at: number, wanted: number): number;
  /** Throws UNSUPPORTED where a thread can't wait for completions. */
  checkBlocking(): void;
  /** Blocks until there is a completion of whichever queue, or the way is over; false when the time was up. */
  wait(timeoutMillis: number): boolean;
  /** The queue has promises to settle, or requests that wait for room: it hears of completions until `ignore`. */
  listen(queue: Queue): void;
  ignore(queue: Queue): void;
  /** The daemon says that the channel is gone: looks whether it has ended. */
  checkEnded(): void;
  /** Hangs up: the daemon frees everything. What is in flight completes as INTERRUPTED. */
  close(): void;
}
