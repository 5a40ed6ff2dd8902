// Setting a connection up again whose channel was lost: a fresh channel in which the same regions, sessions and queues are
// asked for. Processes of the daemon may be started again meanwhile, so it may take several attempts: each goes on where
// the one before had to stop.

import { present } from '../shared/assert.ts';
import { WarpError } from '../shared/errors.ts';
import type { ResponseFrom } from '../shared/grpc.ts';
import type { ChannelControl } from './channel-control.ts';
import { type QueueOptions, requestQueue } from './queue-request.ts';
import type { Queue } from './queue.ts';
import type { Region } from './region.ts';
import type { RequestPath } from './request-path.ts';
import { openSession, type Session } from './session.ts';
import type { Transport } from './transport.ts';

/** A channel with the calls that concern it. */
export interface Open {
  readonly path: RequestPath;
  readonly control: ChannelControl;
}

/** What a connection has been lent. */
export interface Holdings {
  readonly queues: Map<Queue, QueueOptions>;
  readonly sessions: Set<Session>;
  readonly regions: Set<Region>;
  /** Numbers of regions whose memory is being fetched. */
  readonly arriving: Set<number>;
}

export class SetUp {
  readonly #transport: Transport;
  readonly #holdings: Holdings;
  readonly #openChannel: () => Promise<Open>;
  /** The fresh channel. */
  #open: Open | undefined = undefined;
  /** What is still to be shared and opened in it. */
  #regions = new Set<Region>();
  #sessions = new Set<Session>();
  /** What it has been lent. */
  readonly #grants = new Map<Queue, ResponseFrom<'RequestQueue'>>();

  constructor(transport: Transport, holdings: Holdings, openChannel: () => Promise<Open>) {
    this.#transport = transport;
    this.#holdings = holdings;
    this.#openChannel = openChannel;
  }

  /** Resolves when everything has its number in the fresh channel; queues have yet to hear of theirs. */
  async attempt(): Promise<void> {
    if (this.#open === undefined || this.#open.path.isEnded) {
      this.#open = await this.#openChannel();
      this.#regions = new Set(this.#holdings.regions);
      this.#sessions = new Set(this.#holdings.sessions);
      this.#grants.clear();
    }
    const { path, control } = this.#open;
    try {
      await this.#fill(control);
    } catch (error) {
      if (error instanceof WarpError && error.code === 'NO_SUCH_CHANNEL') path.close();
      throw error;
    }
  }

  async #fill(control: ChannelControl): Promise<void> {
    const { regions, queues, arriving } = this.#holdings;
    for (const region of this.#regions) {
      if (regions.has(region)) {
        const number = await this.#transport.shareAgain(control, region, arriving);
        region.renumber(number);
        arriving.delete(number);
      }
      this.#regions.delete(region);
    }
    for (const session of this.#sessions) {
      session.renumber(await openSession(control, session.algorithm, session.options));
      this.#sessions.delete(session);
    }
    for (const [queue, options] of queues) {
      if (this.#grants.has(queue)) continue;
      this.#grants.set(queue, await requestQueue(control, { ...options, depth: queue.depth }));
    }
  }

  /** Has the fresh channel used, by queues at once. Throws NO_SUCH_CHANNEL if it has ended already. */
  finish(use: (open: Open) => void): void {
    const open = present(this.#open, 'the fresh channel');
    if (open.path.isEnded)
      throw new WarpError('NO_SUCH_CHANNEL', { operation: 'set the connection up again' });
    use(open);
    for (const [queue, granted] of this.#grants) queue.renew(granted.queue, granted.device);
  }

  /** It is not to be finished. */
  abandon(): void {
    this.#open?.path.close();
  }
}
