// The vault: a duplicate of each descriptor that matters to the engine, by the handle that the engine gave it. When
// the engine dies, the next one gets them back; what they are is written in the ledger, which is one of them.

import { closeAll, type Fd } from '../../sys/fd.ts';
import { FDS_PER_MESSAGE_MAX } from '../../sys/socket.ts';

export class Vault {
  readonly #fds = new Map<number, Fd>();

  get size(): number {
    return this.#fds.size;
  }

  /** Takes descriptors over, each in place of what had its handle before. */
  store(handles: readonly number[], fds: readonly Fd[]): void {
    for (const [index, handle] of handles.entries()) {
      this.#fds.get(handle)?.close();
      this.#fds.set(handle, fds[index] as Fd);
    }
  }

  forget(handles: readonly number[]): void {
    for (const handle of handles) {
      this.#fds.get(handle)?.close();
      this.#fds.delete(handle);
    }
  }

  /** All of them, in batches that fit a message. */
  *batches(): Generator<{ readonly handles: number[]; readonly fds: readonly Fd[] }> {
    const entries = [...this.#fds];
    for (let at = 0; at < entries.length; at += FDS_PER_MESSAGE_MAX) {
      const batch = entries.slice(at, at + FDS_PER_MESSAGE_MAX);
      yield { handles: batch.map(([handle]) => handle), fds: batch.map(([, fd]) => fd) };
    }
  }

  close(): void {
    closeAll(this.#fds.values());
    this.#fds.clear();
  }
}
