// Calls that wait in line for something of which their tenant has as much as it may: one line for each tenant, first
// come, first served. A place is given up when its time is over, when its caller gives up, or when its channel ends.
//
//     ask --room--> charge
//      \--none--> line --something is given back, the limit is raised--> charge
//                     \--too late, given up------> error

import { WarpError } from '../../shared/errors.ts';
import type { Account, Charge } from './accounts.ts';

/** setTimeout takes no more, milliseconds. */
const TIMER_MILLIS_MAX = 2 ** 31 - 1;

/** Who waits, as others see it. */
export interface Waiter {
  readonly channel: number;
  readonly pid: number;
  readonly uid: number;
  readonly algorithm: string;
}

export interface Patience {
  /** How long to wait at most, milliseconds; 0: not at all. */
  readonly millis: number;
  /** The caller doesn't want it any more. */
  readonly signal: AbortSignal;
}

interface Want {
  readonly waiter: Waiter;
  readonly sinceMillis: number;
  readonly take: (charge: Charge) => void;
  readonly refuse: (error: WarpError) => void;
}

export interface Waiting extends Waiter {
  readonly tenant: string;
  readonly position: number;
  readonly waitedMillis: number;
}

/** Lines for queues. */
export class Admission {
  /** In the order in which they came. */
  readonly #lines = new Map<Account, Set<Want>>();

  /** Charges one queue, in turn. Throws QUOTA_EXCEEDED when the patience is over, CANCELLED when it is given up. */
  async chargeQueue(account: Account, waiter: Waiter, { millis, signal }: Patience): Promise<Charge> {
    if (millis === 0 || account.hasRoom('queues', 1)) return account.charge('queues', 1);
    const line = this.#lineOf(account);
    let timer: NodeJS.Timeout | undefined;
    let onAbort = (): void => {};
    try {
      return await new Promise<Charge>((take, refuse) => {
        const sinceMillis = performance.now();
        const want: Want = { waiter, sinceMillis, take, refuse };
        line.add(want);
        const giveUp = (error: () => WarpError): void => {
          if (line.delete(want)) refuse(error());
        };
        timer = setTimeout(() => giveUp(() => tooLate(account, millis)), Math.min(millis, TIMER_MILLIS_MAX));
        onAbort = () => giveUp(givenUp);
        signal.addEventListener('abort', onAbort);
        if (signal.aborted) onAbort();
      });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      if (line.size === 0) this.#close(account);
    }
  }

  #lineOf(account: Account): Set<Want> {
    const known = this.#lines.get(account);
    if (known !== undefined) return known;
    const line = new Set<Want>();
    this.#lines.set(account, line);
    account.onRoom = (resource) => {
      if (resource !== 'queues') return;
      for (const want of line) {
        if (!account.hasRoom('queues', 1)) return;
        line.delete(want);
        want.take(account.charge('queues', 1));
      }
    };
    return line;
  }

  #close(account: Account): void {
    this.#lines.delete(account);
    account.onRoom = () => {};
  }

  /** A channel has ended: its calls wait no longer. */
  abandon(channel: number): void {
    for (const line of this.#lines.values()) {
      for (const want of line) {
        if (want.waiter.channel === channel && line.delete(want)) want.refuse(givenUp());
      }
    }
  }

  /** All who wait, in the order in which each line will be served. */
  list(): Waiting[] {
    const nowMillis = performance.now();
    return [...this.#lines].flatMap(([{ tenant }, line]) =>
      [...line].map(({ waiter, sinceMillis }, position) => {
        const waitedMillis = Math.round(nowMillis - sinceMillis);
        return Object.assign({ tenant, position, waitedMillis }, waiter);
      }),
    );
  }
}

function tooLate(account: Account, millis: number): WarpError {
  const { operation, found, hint, limit } = account.refusal('queues', 1);
  const waited = `${found}; none was given back in ${millis} ms of waiting`;
  return new WarpError('QUOTA_EXCEEDED', { operation, found: waited, hint, limit });
}

function givenUp(): WarpError {
  return new WarpError('CANCELLED', { operation: 'wait in line for a queue' });
}
