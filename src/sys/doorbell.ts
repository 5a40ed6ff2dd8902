// One end of a doorbell: a stream socket on which a byte means "look at the rings". The event loop watches it;
// ringing is one non-blocking write.
//
// A peer that is rung more often than it listens has a full socket: then a ring is dropped, since the bytes that
// are waiting will wake it just as well.

import { readSync, writeSync } from 'node:fs';
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { DOORBELL_RING } from '../shared/limits.ts';
import type { Fd } from './fd.ts';
import { shutdownSocket, waitReadable } from './socket.ts';

export interface DoorbellEvents {
  /** Rung. `bytes` were waiting; `isClean` if each was the ring byte. */
  onRing(bytes: number, isClean: boolean): void;
  /** The peer is gone, or the doorbell was closed by `hangUp`. Called once, never after `close`. */
  onHangUp(): void;
}

const RING = Buffer.of(DOORBELL_RING);
/** Where all doorbells read to: nobody keeps what they say. */
const heard = Buffer.allocUnsafeSlow(4096);

export class Doorbell {
  readonly #socket: Socket;
  readonly #number: number;
  #isOpen = true;

  /** Takes the socket over and begins to listen. */
  constructor(fd: Fd, events: DoorbellEvents) {
    this.#number = fd.take();
    const options: SocketConstructorOpts & { onread: OnReadOpts } = {
      fd: this.#number,
      onread: {
        buffer: heard,
        callback: (bytes) => {
          if (this.#isOpen) events.onRing(bytes, isClean(bytes));
          return true;
        },
      },
    };
    this.#socket = new Socket(options);
    // An error is a hang-up: 'close' follows it.
    this.#socket.on('error', () => {});
    this.#socket.once('close', () => {
      if (!this.#isOpen) return;
      this.#isOpen = false;
      events.onHangUp();
    });
  }

  /** The descriptor, on loan; -1 once it is closed. */
  get number(): number {
    return this.#hasDescriptor ? this.#number : -1;
  }

  /**
   * A socket that has met an error or its end has closed its descriptor before it says so by 'close': by then the
   * number may stand for another file.
   */
  get #hasDescriptor(): boolean {
    return this.#isOpen && !this.#socket.destroyed;
  }

  /** Wakes the peer. Nothing happens if it is gone: its hang-up is on its way. */
  ring(): void {
    if (!this.#hasDescriptor) return;
    try {
      writeSync(this.#number, RING);
    } catch (error) {
      if (!isExpected(error)) throw error;
    }
  }

  /** Blocks the thread until rung, until the peer is gone, or until the time is up. */
  wait(timeoutMillis: number): 'rung' | 'gone' | 'timeout' {
    if (!this.#hasDescriptor) return 'gone';
    if (!waitReadable(this.#number, timeoutMillis)) return 'timeout';
    try {
      return readSync(this.#number, heard) > 0 ? 'rung' : 'gone';
    } catch (error) {
      if (!isExpected(error)) throw error;
      return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 'rung' : 'gone';
    }
  }

  /** Whether an idle doorbell keeps the process alive. */
  keepAlive(isWanted: boolean): void {
    if (isWanted) this.#socket.ref();
    else this.#socket.unref();
  }

  /** Ends the connection for every holder of its descriptors; `onHangUp` follows, at the peer too. */
  hangUp(): void {
    if (this.#hasDescriptor) shutdownSocket(this.#number);
  }

  /** Lets go without another event. The peer notices once nobody holds this end any more. */
  close(): void {
    this.#isOpen = false;
    this.#socket.destroy();
  }
}

function isClean(bytes: number): boolean {
  for (let index = 0; index < bytes; index++) if (heard[index] !== DOORBELL_RING) return false;
  return true;
}

/** Full (EAGAIN), or the peer is gone (EPIPE, ECONNRESET): neither is an error of ours. */
function isExpected(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EAGAIN' || code === 'EPIPE' || code === 'ECONNRESET';
}
