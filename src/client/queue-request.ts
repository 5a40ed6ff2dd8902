// How a queue is asked for: what a program says, and the call that comes of it.

import { WarpError } from '../shared/errors.ts';
import type { ResponseFrom } from '../shared/grpc.ts';
import type { AlgorithmName } from '../shared/operations.ts';
import type { ChannelControl } from './channel-control.ts';
import type { WantedQueue } from './transport.ts';

/** A day: what the daemon allows at most. */
const WAIT_MILLIS_MAX = 86_400_000;

export interface QueueOptions {
  readonly algorithm: AlgorithmName;
  /** A device by name; the first that offers the algorithm by default. */
  readonly device?: string;
  /** 'direct': a hardware queue of one's own, where the daemon allows that. */
  readonly mode?: 'shared' | 'direct';
  /** Requests in flight, at most the connection's slots; all of them by default. */
  readonly depth?: number;
  /**
   * How long to wait in line if the tenant has as many queues as it may, milliseconds; 0, the default, not at all. The
   * daemon may allow less.
   */
  readonly waitMillis?: number;
}

export function requestQueue(
  control: ChannelControl,
  options: QueueOptions,
): Promise<ResponseFrom<'RequestQueue'>> {
  const wanted = wantedQueue(options);
  return control.call(
    'RequestQueue',
    wanted,
    `request a queue for "${options.algorithm}"`,
    wanted.waitMillis,
  );
}

/** Throws INVALID_ARGUMENT. */
export function wantedQueue(options: QueueOptions): WantedQueue {
  const { algorithm, device = '', mode = 'shared', depth = 0, waitMillis = 0 } = options;
  const operation = `request a queue for "${algorithm}"`;
  if (mode !== 'shared' && mode !== 'direct') {
    const found = `mode "${String(mode)}"`;
    throw new WarpError('INVALID_ARGUMENT', { operation, found, hint: 'use "shared" or "direct"' });
  }
  const queueMode = mode === 'direct' ? 'QUEUE_MODE_DIRECT' : 'QUEUE_MODE_SHARED';
  if (!Number.isInteger(waitMillis) || waitMillis < 0 || waitMillis > WAIT_MILLIS_MAX) {
    const found = `waitMillis ${String(waitMillis)}`;
    const hint = `give a whole number from 0 to ${WAIT_MILLIS_MAX}`;
    throw new WarpError('INVALID_ARGUMENT', { operation, found, hint });
  }
  return { algorithm, device, depth, mode: queueMode, waitMillis };
}
