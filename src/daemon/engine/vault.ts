// The engine's side of the vault: hands the custodian a duplicate of each descriptor that must survive the engine,
// and all of them again to a custodian that was started anew. What somebody waits for goes before the rest, which may be
// thousands.

import type { Logger } from 'pino';
import type { custodianContract, vaultContract } from '../contracts.ts';
import type { Link } from '../link.ts';
import type { Descriptor, Fd } from '../../sys/fd.ts';
import { FDS_PER_MESSAGE_MAX } from '../../sys/socket.ts';
import { LEDGER_HANDLE, LIFELINE_HANDLE } from './ledger.ts';

/** Without these the rest means nothing to the next engine. */
const FIRST_HANDLES: ReadonlySet<number> = new Set([LEDGER_HANDLE, LIFELINE_HANDLE]);

type CustodianLink = Link<typeof vaultContract, typeof custodianContract>;

export class Vault {
  readonly #log: Logger;
  /** What the custodian is to hold. Each stays its owner's, who keeps it open until `forget`. */
  readonly #kept = new Map<number, Descriptor>();
  #link: CustodianLink | undefined = undefined;
  /** What it has yet to be told: what is new, and what an earlier one had. */
  readonly #toStore = new Set<number>();
  readonly #toRenew = new Set<number>();
  readonly #toForget = new Set<number>();
  /** Who waits until it has been told. */
  #waiting: (() => void)[] = [];
  #isTelling = false;
  /** The custodian was started anew, and lacks some yet. */
  #isRenewing = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** The custodian that has what was adopted. */
  up(link: CustodianLink): void {
    this.#link = link;
    this.#tellLater();
  }

  /** A custodian that was started anew: it has nothing. */
  renew(link: CustodianLink): void {
    this.#toForget.clear();
    for (const handle of this.#kept.keys())
      (FIRST_HANDLES.has(handle) ? this.#toStore : this.#toRenew).add(handle);
    this.#isRenewing = true;
    this.up(link);
  }

  down(): void {
    this.#link = undefined;
  }

  store(handle: number, descriptor: Descriptor): void {
    this.#kept.set(handle, descriptor);
    this.#toStore.add(handle);
    this.#tellLater();
  }

  /**
   * Resolves when the custodian has what was stored until now, which may be another one than at this moment; or when it
   * was found unable to keep it. What is acknowledged before that would be lost with this engine.
   */
  kept(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#tellLater();
    });
  }

  /** Whether the custodian that there is, or was, has got all that is kept. */
  get isComplete(): boolean {
    return this.#toStore.size + this.#toRenew.size === 0;
  }

  /** The custodian has it already. */
  adopt(handle: number, descriptor: Descriptor): void {
    this.#kept.set(handle, descriptor);
  }

  /** To be called before the descriptor is closed. */
  forget(handle: number): void {
    this.#kept.delete(handle);
    this.#toStore.delete(handle);
    this.#toRenew.delete(handle);
    this.#toForget.add(handle);
    this.#tellLater();
  }

  /** At the end of the turn: what belongs to one channel goes in one message. */
  #tellLater(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#tell()
        .catch((error: unknown) => {
          // The next custodian gets everything anew. This one may be out of descriptors.
          if (this.#link?.isOpen === true)
            this.#log.error({ err: error }, 'the custodian could not keep descriptors');
        })
        .finally(() => {
          this.#isTelling = false;
          if (this.#isBehind) this.#tellLater();
        });
    });
  }

  get #isBehind(): boolean {
    const isSaid = this.isComplete && this.#toForget.size + this.#waiting.length === 0;
    return this.#link?.isOpen === true && !isSaid;
  }

  /** One message at a time, so that a descriptor that is closed meanwhile is never sent. */
  async #tell(): Promise<void> {
    while (this.#isBehind) {
      const link = this.#link as CustodianLink;
      const stored = this.#nextBatch();
      const handles = stored.map(([handle]) => handle);
      const forgotten = [...this.#toForget];
      this.#toForget.clear();
      const waiting = this.#toStore.size === 0 ? this.#waiting.splice(0) : [];
      const calls: Promise<unknown>[] = [];
      if (handles.length > 0)
        calls.push(
          link.call(
            'store',
            { handles },
            stored.map(([, fd]) => fd),
          ),
        );
      if (forgotten.length > 0) calls.push(link.call('forget', { handles: forgotten }));
      try {
        await Promise.all(calls);
      } finally {
        if (link.isOpen) {
          for (const done of waiting) done();
        } else {
          // They wait for these on the next link too.
          this.#waiting.push(...waiting);
          for (const handle of handles) this.#toStore.add(handle);
        }
      }
    }
    if (!this.#isRenewing || this.#link?.isOpen !== true) return;
    this.#isRenewing = false;
    this.#log.info({ descriptors: this.#kept.size }, 'the custodian has all descriptors again');
  }

  #nextBatch(): (readonly [number, Descriptor])[] {
    const batch: (readonly [number, Descriptor])[] = [];
    for (const handles of [this.#toStore, this.#toRenew]) {
      for (const handle of handles) {
        if (batch.length === FDS_PER_MESSAGE_MAX) return batch;
        this.#toStore.delete(handle);
        this.#toRenew.delete(handle);
        const descriptor = this.#kept.get(handle);
        if (descriptor !== undefined && descriptor.number >= 0) batch.push([handle, descriptor]);
      }
    }
    return batch;
  }
}

/** What a custodian gives back while the engine asks it to: descriptors by handle. */
export class Returned {
  readonly #fds = new Map<number, Fd>();

  readonly handlers = {
    takeBack: ({ handles }: { handles: number[] }, fds: readonly Fd[]): Record<string, never> => {
      for (const [index, handle] of handles.entries()) this.#fds.set(handle, fds[index] as Fd);
      return {};
    },
  };

  /** The descriptor of a handle, which the caller then owns; undefined if the custodian had none. */
  take(handle: number): Fd | undefined {
    const fd = this.#fds.get(handle);
    this.#fds.delete(handle);
    return fd;
  }

  /** Those that nobody took: closes them and tells their handles. */
  closeRest(): number[] {
    const handles = [...this.#fds.keys()];
    for (const fd of this.#fds.values()) fd.close();
    this.#fds.clear();
    return handles;
  }
}
