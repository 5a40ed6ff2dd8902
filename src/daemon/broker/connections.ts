// The connections of all listeners: who is behind each, and how many each may have. A connection is counted when it is
// accepted, before anything is done for it; it is served when its caller is known, and cut off if it then calls nothing.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import { Tally } from '../../shared/tally.ts';
import { hungUp } from '../../sys/socket.ts';
import { socketNumber } from '../../sys/stream.ts';
import type { Caller } from './caller.ts';
import { Complaints } from './complaints.ts';

/** A connection on which nobody has called anything yet is cut off after this long, milliseconds. */
const FIRST_CALL_MILLIS_MAX = 10_000;

/** Between two looks for connections whose peer has left unnoticed, milliseconds. */
const LEFT_CHECK_MILLIS = 5_000;

export interface Connection {
  readonly caller: Caller;
  /** Whom its place is counted for: a uid or a certificate. */
  readonly payer: string;
  hasCalled: boolean;
  /** Ends it, with all its calls. */
  cut(): void;
}

export class Connections {
  readonly #byName = new Map<string, Connection>();
  readonly #sockets = new Set<Duplex>();
  readonly #ofPayers = new Tally();
  readonly #perPayerMax: number;
  readonly #serve: (socket: Duplex) => void;
  readonly #complaints: Complaints;
  #leftCheck: NodeJS.Timeout | undefined = undefined;
  #nextName = 1;

  /** `perPayerMax`: connections of one uid or certificate. `serve`: gives a socket to the gRPC server. */
  constructor(perPayerMax: number, serve: (socket: Duplex) => void, log: Logger) {
    this.#perPayerMax = perPayerMax;
    this.#serve = serve;
    this.#complaints = new Complaints(log);
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
    if (this.#ofPayers.of(payer) >= this.#perPayerMax) {
      this.#complaints.note('too many connections', payer, { limit: this.#perPayerMax });
      socket.destroy();
      return;
    }
    this.#ofPayers.add(payer);
    this.#sockets.add(socket);
    this.#leftCheck ??= setInterval(() => this.#dropLeft(), LEFT_CHECK_MILLIS);
    const name = `connection-${this.#nextName++}`;
    let timer: NodeJS.Timeout | undefined;
    socket.once('close', () => {
      clearTimeout(timer);
      this.#byName.delete(name);
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#stopLeftCheck();
      this.#ofPayers.remove(payer);
    });
    const caller = await identify().catch(() => undefined);
    if (caller === undefined) socket.destroy();
    if (caller === undefined || socket.destroyed) return;
    const connection: Connection = {
      caller,
      payer,
      hasCalled: false,
      cut: () => {
        this.#complaints.note('a call was neither finished nor read in time', payer);
        socket.destroy();
      },
    };
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

  /**
   * Node's HTTP/2 stops reading from a peer that has broken the protocol, after its GOAWAY, and says nothing of it. Then
   * nobody would hear of the peer's leaving, and the connection would stay for good.
   */
  #dropLeft(): void {
    const open = [...this.#sockets].filter(isPlain).filter(({ destroyed }) => !destroyed);
    const left = new Set(hungUp(open.map(socketNumber)));
    for (const socket of open) if (left.has(socketNumber(socket))) socket.destroy();
  }

  #stopLeftCheck(): void {
    clearInterval(this.#leftCheck);
    this.#leftCheck = undefined;
  }

  close(): void {
    this.#stopLeftCheck();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** One whose descriptor is its own; below TLS there is another socket. */
function isPlain(socket: Duplex): socket is Socket {
  return socket instanceof Socket && !(socket instanceof TLSSocket);
}
