// The connections of all listeners: who is behind each, and how many each may have. A connection is counted when it is
// accepted, before anything is done for it; it is served when its caller is known, and cut off if it then calls nothing.

import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import type { Caller } from './caller.ts';

/** A connection on which nobody has called anything yet is cut off after this long, milliseconds. */
const FIRST_CALL_MILLIS_MAX = 10_000;

export interface Connection {
  readonly caller: Caller;
  hasCalled: boolean;
}

export class Connections {
  readonly #byName = new Map<string, Connection>();
  readonly #sockets = new Set<Duplex>();
  readonly #countByPayer = new Map<string, number>();
  readonly #perPayerMax: number;
  readonly #serve: (socket: Duplex) => void;
  readonly #log: Logger;
  #nextName = 1;

  /** `perPayerMax`: connections of one uid or certificate. `serve`: gives a socket to the gRPC server. */
  constructor(perPayerMax: number, serve: (socket: Duplex) => void, log: Logger) {
    this.#perPayerMax = perPayerMax;
    this.#serve = serve;
    this.#log = log;
  }

  get size(): number {
    return this.#byName.size;
  }

  /** The connection of a call, by what grpc-js calls its peer. */
  find(name: string): Connection | undefined {
    return this.#byName.get(name);
  }

  /** Takes a socket that was accepted, on which nothing was read. `identify` resolves to undefined if nobody is there. */
  async admit(socket: Duplex, payer: string, identify: () => Promise<Caller | undefined>): Promise<void> {
    socket.on('error', () => socket.destroy());
    const count = this.#countByPayer.get(payer) ?? 0;
    if (count >= this.#perPayerMax) {
      this.#log.warn({ payer, limit: this.#perPayerMax }, 'too many connections');
      socket.destroy();
      return;
    }
    this.#countByPayer.set(payer, count + 1);
    this.#sockets.add(socket);
    const name = `connection-${this.#nextName++}`;
    let timer: NodeJS.Timeout | undefined;
    socket.once('close', () => {
      clearTimeout(timer);
      this.#byName.delete(name);
      this.#sockets.delete(socket);
      const left = (this.#countByPayer.get(payer) ?? 1) - 1;
      if (left === 0) this.#countByPayer.delete(payer);
      else this.#countByPayer.set(payer, left);
    });
    const caller = await identify().catch(() => undefined);
    if (caller === undefined) socket.destroy();
    if (caller === undefined || socket.destroyed) return;
    const connection: Connection = { caller, hasCalled: false };
    this.#byName.set(name, connection);
    timer = setTimeout(() => {
      if (!connection.hasCalled) socket.destroy();
    }, FIRST_CALL_MILLIS_MAX);
    // What grpc-js makes the name of a call's peer from: call.getPeer() returns it.
    Object.defineProperty(socket, 'remoteAddress', { value: name });
    Object.defineProperty(socket, 'remotePort', { value: undefined });
    this.#serve(socket);
    // It was paused when it was accepted.
    socket.resume();
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
