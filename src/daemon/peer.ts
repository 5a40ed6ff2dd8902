// A peer process that may come and go: connects to it, and again whenever the link is lost, with pauses that grow
// while nobody answers.

import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import { WarpError } from '../shared/errors.ts';
import { type Contract, type Handlers, Link } from './link.ts';
import { connectLink } from './link-sockets.ts';

const FIRST_PAUSE_MILLIS = 5;
const LONGEST_PAUSE_MILLIS = 100;

export interface PeerEvents<Serves extends Contract, Calls extends Contract> {
  /**
   * A link is up; the peer may be another process than before and know nothing. Others get the link when what this
   * returns has resolved.
   */
  onUp(link: Link<Serves, Calls>): void | Promise<void>;
  onDown(reason: string): void;
}

export class Peer<Serves extends Contract, Calls extends Contract> {
  readonly #name: string;
  readonly #path: string;
  readonly #contracts: { readonly serves: Serves; readonly calls: Calls };
  readonly #handlers: Handlers<Serves>;
  readonly #events: PeerEvents<Serves, Calls>;
  #link: Link<Serves, Calls> | undefined = undefined;
  /** Who waits for a link. */
  readonly #waiting = new Set<() => void>();
  #isClosed = false;

  constructor(
    name: string,
    path: string,
    contracts: { readonly serves: Serves; readonly calls: Calls },
    handlers: Handlers<Serves>,
    events: PeerEvents<Serves, Calls>,
  ) {
    this.#name = name;
    this.#path = path;
    this.#contracts = contracts;
    this.#handlers = handlers;
    this.#events = events;
  }

  get isUp(): boolean {
    return this.#link !== undefined;
  }

  /** The peer's process number; 0 while there is no link. */
  get pid(): number {
    return this.#link?.peerPid ?? 0;
  }

  /** The link at the moment; throws ENGINE_UNAVAILABLE while there is none. */
  get link(): Link<Serves, Calls> {
    if (this.#link !== undefined) return this.#link;
    throw new WarpError('ENGINE_UNAVAILABLE', {
      operation: `reach the ${this.#name}`,
      found: `the ${this.#name} is being started again`,
    });
  }

  /** The link, waiting for one that is being set up again. Rejects with what `link` throws after `limitMillis`. */
  async whenUp(limitMillis: number): Promise<Link<Serves, Calls>> {
    if (this.#link === undefined) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          this.#waiting.delete(done);
          resolve();
        }, limitMillis);
        const done = (): void => {
          clearTimeout(timer);
          resolve();
        };
        this.#waiting.add(done);
      });
    }
    return this.link;
  }

  /** A call that does no harm twice: see `repeat`. */
  ask<Name extends keyof Calls & string>(
    limitMillis: number,
    name: Name,
    request: z.infer<Calls[Name]['request']>,
  ): Promise<z.infer<Calls[Name]['reply']>> {
    return this.repeat(limitMillis, (link) => link.call(name, request));
  }

  /**
   * Asks on the next link again when one is lost before it has answered. Rejects as `whenUp` does when there is none for
   * `limitMillis`, otherwise with what the peer threw.
   */
  async repeat<Answer>(
    limitMillis: number,
    ask: (link: Link<Serves, Calls>) => Promise<Answer>,
  ): Promise<Answer> {
    for (;;) {
      const link = await this.whenUp(limitMillis);
      try {
        return await ask(link);
      } catch (error) {
        if (link.isOpen) throw error;
      }
    }
  }

  /** Resolves when the first link is up, and keeps one up from then on. */
  async connect(): Promise<void> {
    for (let pause = FIRST_PAUSE_MILLIS; !this.#isClosed; pause = Math.min(pause * 2, LONGEST_PAUSE_MILLIS)) {
      try {
        const sockets = await connectLink(this.#path);
        if (await this.#adopt(new Link(this.#name, sockets, this.#contracts, this.#handlers))) return;
      } catch (error) {
        // Nobody listens, or the peer died at this moment: it will be back.
        if (!(error instanceof WarpError)) throw error;
      }
      await sleep(pause);
    }
  }

  /** False if the link was lost before it was of use. */
  async #adopt(link: Link<Serves, Calls>): Promise<boolean> {
    link.onClose = (reason) => {
      if (this.#isClosed) return;
      this.#events.onDown(reason);
      if (this.#link !== link) return;
      this.#link = undefined;
      void this.connect();
    };
    try {
      await this.#events.onUp(link);
    } catch (error) {
      link.close((error as Error).message);
    }
    if (!link.isOpen || this.#isClosed) return false;
    this.#link = link;
    for (const done of this.#waiting) done();
    this.#waiting.clear();
    return true;
  }

  close(): void {
    this.#isClosed = true;
    this.#link?.close('closed');
  }
}
