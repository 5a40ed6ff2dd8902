// Waits for descriptors that Node's event loop can't: queues of devices. All of them are waited for by one poll(2) on
// one thread of libuv's pool, and only while somebody asks.
//
//     arm(fd) ---> { fds } ---> poll(fds + interrupt) ---> callback, once
//        \--- rings the interrupt, when a poll is under way without it

import { assert } from '../shared/assert.ts';
import type { Fd } from './fd.ts';
import { createSocketPair, receiveWithFds, sendWithFds, waitAnyReadable } from './socket.ts';

/** For as long as it takes. */
const POLL_MILLIS = -1;

class FdWatcher {
  readonly #callbacks = new Map<number, () => void>();
  #polled: ReadonlySet<number> = new Set();
  #isPolling = false;
  #interrupt: readonly [ours: Fd, theirs: Fd] | undefined;

  /** Calls back once, when the descriptor can be read or has hung up. It stays its owner's, who forgets it first. */
  arm(fd: number, callback: () => void): void {
    this.#callbacks.set(fd, callback);
    if (!this.#isPolling) void this.#poll();
    else if (!this.#polled.has(fd)) this.#wake();
  }

  /** No call for this descriptor any more; it may be closed. */
  forget(fd: number): void {
    if (this.#callbacks.delete(fd)) this.#wake();
  }

  async #poll(): Promise<void> {
    this.#isPolling = true;
    const [, interrupted] = (this.#interrupt ??= this.#createInterrupt());
    while (this.#callbacks.size > 0) {
      this.#polled = new Set(this.#callbacks.keys());
      const ready = await waitAnyReadable([interrupted.number, ...this.#polled], POLL_MILLIS);
      while (receiveWithFds(interrupted.number, 'an interrupt') !== 'empty');
      for (const fd of ready) this.#ready(fd);
    }
    this.#polled = new Set();
    this.#isPolling = false;
  }

  #createInterrupt(): [ours: Fd, theirs: Fd] {
    const pair = createSocketPair('packets', 'watcher interrupt');
    // process.exit() waits for the threads of the pool.
    process.once('exit', () => this.#wake());
    return pair;
  }

  #ready(fd: number): void {
    const callback = this.#callbacks.get(fd);
    // Forgotten meanwhile, or the interrupt itself.
    if (callback === undefined) return;
    this.#callbacks.delete(fd);
    callback();
  }

  #wake(): void {
    if (!this.#isPolling) return;
    assert(this.#interrupt !== undefined, 'a poll has its interrupt');
    // Full means that an interrupt waits already.
    sendWithFds(this.#interrupt[0].number, Buffer.of(1), []);
  }
}

/** One for the process: each poll under way occupies a thread of the pool. */
export const fdWatcher = new FdWatcher();
