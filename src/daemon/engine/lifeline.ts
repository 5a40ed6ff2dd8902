// How an engine knows that nothing of the one before still runs: all its workers inherited one end of a socket, whose
// other end waits in the vault. It hangs up when the last of them is gone.

import type { Fd } from '../../sys/fd.ts';
import { createSocketPair, waitReadableAsync } from '../../sys/socket.ts';

export interface Lifeline {
  /** For the workers to inherit. */
  readonly held: Fd;
  /** For the vault. */
  readonly watched: Fd;
}

export function createLifeline(): Lifeline {
  const [held, watched] = createSocketPair('stream', 'lifeline');
  return { held, watched };
}

/** Waits until nobody holds the other end any more; false if that took longer. Closes the descriptor. */
export async function lifelineEnds(watched: Fd, timeoutMillis: number): Promise<boolean> {
  try {
    return await waitReadableAsync(watched.number, timeoutMillis);
  } finally {
    watched.close();
  }
}
