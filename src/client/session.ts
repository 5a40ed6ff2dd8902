// What requests of a queue have in common: a compression level, or the key of a cipher.

import { WarpError } from '../shared/errors.ts';
import type { AlgorithmName } from '../shared/operations.ts';
import type { ChannelControl } from './channel-control.ts';

export type SessionOptions = { readonly level: number } | { readonly key: Uint8Array };

/** What a session needs of its connection. */
export interface SessionOwner {
  releaseSession(session: Session): Promise<void>;
}

export class Session {
  readonly algorithm: AlgorithmName;
  /** Kept to open it again when the daemon lost it. */
  readonly options: SessionOptions;
  readonly #owner: SessionOwner;
  #number: number;
  #isReleased = false;

  /** For Queue only. */
  constructor(owner: SessionOwner, algorithm: AlgorithmName, options: SessionOptions, number: number) {
    this.#owner = owner;
    this.algorithm = algorithm;
    this.options = options;
    this.#number = number;
  }

  /** The daemon's number for it; another one after the connection had to be set up again. */
  get number(): number {
    if (this.#isReleased)
      throw new WarpError('RELEASED', { operation: 'use a session', found: 'it was released' });
    return this.#number;
  }

  /** For Connection only. */
  renumber(number: number): void {
    this.#number = number;
  }

  /** Calling it again does nothing. */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    await this.#owner.releaseSession(this);
    this.#isReleased = true;
  }
}

/** Asks for a session; returns the daemon's number for it. */
export async function openSession(
  control: ChannelControl,
  algorithm: AlgorithmName,
  options: SessionOptions,
): Promise<number> {
  const parameters = 'level' in options ? { level: options.level } : { key: Buffer.from(options.key) };
  const operation = `open a session for "${algorithm}"`;
  return (await control.call('OpenSession', { algorithm, ...parameters }, operation)).session;
}
