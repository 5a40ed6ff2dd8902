// Telling the engine of requests that their client has given up, even while it is being started again: one that has
// not started by then must not run.

import { WarpError } from '../../../shared/errors.ts';
import type { EngineLink } from '../lending.ts';
import type { HeldChannel } from './held-channel.ts';

export interface GivenUp {
  readonly slot: number;
  readonly cookie: number;
}

/** Never rejects: what can't be told any more has no channel. */
export async function cancelRequests(
  engine: () => Promise<EngineLink>,
  held: HeldChannel,
  requests: readonly GivenUp[],
): Promise<void> {
  while (!held.isClosed) {
    let link: EngineLink | undefined;
    try {
      link = await engine();
      await link.call('cancelRequests', { channel: held.id, requests: [...requests] });
      return;
    } catch (error) {
      // Lost before it has answered, or not there yet: the next one is told. Anything else is its last word.
      const isLost = link === undefined || !link.isOpen;
      if (!isLost || !(error instanceof WarpError)) return;
    }
  }
}
