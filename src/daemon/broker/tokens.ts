// One-time tokens for descriptors: a gRPC answer names them, the fd socket hands out what they stand for. Each is
// good once, for a few seconds, and only for the process that asked.

import { randomBytes } from 'node:crypto';
import { TOKEN_BYTES, TOKEN_MILLIS_MAX } from '../../shared/limits.ts';
import { closeAll, type Fd } from '../../sys/fd.ts';
import type { ProcessName } from '../contracts.ts';
import { isSameProcess } from './caller.ts';

interface Offer {
  readonly owner: ProcessName;
  readonly fds: readonly Fd[];
  readonly timer: NodeJS.Timeout;
}

export class Tokens {
  readonly #offers = new Map<string, Offer>();
  readonly #lifeMillis: number;

  constructor(lifeMillis = TOKEN_MILLIS_MAX) {
    this.#lifeMillis = lifeMillis;
  }

  /** Keeps the descriptors for the owner to fetch; closes them when that isn't done in time. */
  offer(owner: ProcessName, fds: readonly Fd[]): Buffer {
    const token = randomBytes(TOKEN_BYTES);
    const key = token.toString('hex');
    const timer = setTimeout(() => {
      this.#offers.delete(key);
      closeAll(fds);
    }, this.#lifeMillis);
    timer.unref();
    this.#offers.set(key, { owner, fds, timer });
    return token;
  }

  /** The descriptors, which the caller then owns; undefined, and the token void, for anybody but the owner. */
  redeem(token: Buffer, caller: ProcessName): readonly Fd[] | undefined {
    const key = token.toString('hex');
    const offer = this.#offers.get(key);
    if (offer === undefined) return undefined;
    this.#offers.delete(key);
    clearTimeout(offer.timer);
    if (isSameProcess(offer.owner, caller)) return offer.fds;
    closeAll(offer.fds);
    return undefined;
  }

  close(): void {
    for (const { fds, timer } of this.#offers.values()) {
      clearTimeout(timer);
      closeAll(fds);
    }
    this.#offers.clear();
  }
}
