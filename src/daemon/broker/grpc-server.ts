// The gRPC server on the Unix socket: accepts connections itself, so that it knows who calls before it reads the
// first byte, and maps what methods throw to statuses. Anybody may connect, so connections are bounded in number for
// each user, and so are the calls on them (calls.ts).

import { rmSync } from 'node:fs';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import {
  type ConnectionInjector,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceError,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { present } from '../../shared/assert.ts';
import { asWarpError, errorEntry } from '../../shared/errors.ts';
import { brokerService, toServiceError } from '../../shared/grpc.ts';
import { hungUp, type PeerCredentials, peerCredentials } from '../../sys/socket.ts';
import { socketNumber } from '../../sys/stream.ts';
import { listenAt } from '../listen.ts';
import { Calls } from './calls.ts';
import { Complaints } from './complaints.ts';

/** Messages of this contract are small; payloads go through shared memory. */
const MESSAGE_BYTES_MAX = 64 * 1024;
const STREAMS_PER_CONNECTION_MAX = 128;
/** Calls that a user may have open, for each connection that it may have. */
const CALLS_PER_CONNECTION = 4;
/** A connection on which nobody has called anything yet is cut off after this long, milliseconds. */
const FIRST_CALL_MILLIS_MAX = 10_000;
/** Between two looks for connections whose peer has left unnoticed, milliseconds. */
const LEFT_CHECK_MILLIS = 5_000;

/** One accepted connection: who connected, as the kernel noted it. */
export interface Connection {
  readonly peer: PeerCredentials;
  hasCalled: boolean;
}

export interface Method {
  /** Carries a call out. */
  readonly call: (connection: Connection, request: never) => unknown;
  /** Takes back what a call has given to a caller that didn't wait for the answer. */
  readonly undo?: (connection: Connection, request: never, response: never) => Promise<unknown>;
}

/** The same as the server keeps it. */
interface Accepted extends Connection {
  readonly socket: Socket;
}
export type Methods = Readonly<Record<string, Method>>;

export class GrpcServer {
  readonly #net: NetServer;
  readonly #path: string;
  readonly #server: Server;
  readonly #injector: ConnectionInjector;
  readonly #log: Logger;
  readonly #complaints: Complaints;
  readonly #connectionsPerUidMax: number;
  readonly #calls: Calls;
  readonly #connections = new Map<string, Accepted>();
  readonly #countByUid = new Map<number, number>();
  #leftCheck: NodeJS.Timeout | undefined = undefined;
  #nextName = 1;

  constructor(path: string, methods: Methods, connectionsPerUidMax: number, log: Logger) {
    this.#path = path;
    this.#log = log;
    this.#complaints = new Complaints(log);
    this.#connectionsPerUidMax = connectionsPerUidMax;
    this.#calls = new Calls(connectionsPerUidMax * CALLS_PER_CONNECTION);
    this.#server = new Server({
      'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
      'grpc.max_concurrent_streams': STREAMS_PER_CONNECTION_MAX,
      'grpc.enable_channelz': 0,
      interceptors: [(_method, call) => this.#calls.open(call, this.#caller(call.getPeer()))],
    });
    const implementation = Object.fromEntries(
      Object.entries(methods).map(([name, method]) => [name, this.#serve(name, method)]),
    );
    this.#server.addService(brokerService, implementation as UntypedServiceImplementation);
    this.#injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    this.#net = createServer((socket) => this.#accept(socket));
  }

  get connections(): number {
    return this.#connections.size;
  }

  async listen(): Promise<void> {
    await listenAt(this.#net, this.#path, 0o666);
  }

  close(): void {
    this.#net.close();
    this.#stopLeftCheck();
    this.#server.forceShutdown();
    for (const { socket } of this.#connections.values()) socket.destroy();
    rmSync(this.#path, { force: true });
  }

  #accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    const peer = peerCredentials(socketNumber(socket));
    const count = this.#countByUid.get(peer.uid) ?? 0;
    if (count >= this.#connectionsPerUidMax) {
      this.#complaints.note('too many connections', peer);
      socket.destroy();
      return;
    }
    const name = `connection-${this.#nextName++}`;
    const connection: Accepted = { peer, hasCalled: false, socket };
    this.#connections.set(name, connection);
    this.#countByUid.set(peer.uid, count + 1);
    this.#leftCheck ??= setInterval(() => this.#dropLeft(), LEFT_CHECK_MILLIS);
    const timer = setTimeout(() => {
      if (!connection.hasCalled) socket.destroy();
    }, FIRST_CALL_MILLIS_MAX);
    socket.once('close', () => {
      clearTimeout(timer);
      this.#connections.delete(name);
      if (this.#connections.size === 0) this.#stopLeftCheck();
      const left = (this.#countByUid.get(peer.uid) ?? 1) - 1;
      if (left === 0) this.#countByUid.delete(peer.uid);
      else this.#countByUid.set(peer.uid, left);
    });
    // The one property of a socket that grpc-js hands through to a call: call.getPeer() returns it.
    Object.defineProperty(socket, 'remoteAddress', { value: name });
    this.#injector.injectConnection(socket);
  }

  /**
   * Node's HTTP/2 stops reading from a peer that has broken the protocol, after its GOAWAY, and says nothing of it. Then
   * nobody would hear of the peer's leaving, and the connection would stay for good.
   */
  #dropLeft(): void {
    const open = [...this.#connections.values()].filter(({ socket }) => !socket.destroyed);
    const left = new Set(hungUp(open.map(({ socket }) => socketNumber(socket))));
    for (const { socket } of open) if (left.has(socketNumber(socket))) socket.destroy();
  }

  #stopLeftCheck(): void {
    clearInterval(this.#leftCheck);
    this.#leftCheck = undefined;
  }

  /** Whose a call is. The connection may be gone already, with the call: then it is nobody's. */
  #caller(name: string) {
    const connection = this.#connections.get(name);
    return {
      uid: connection?.peer.uid ?? -1,
      cut: () => {
        if (connection === undefined) return;
        this.#complaints.note('a call was neither finished nor read in time', connection.peer);
        connection.socket.destroy();
      },
    };
  }

  #serve(name: string, method: Method) {
    return (call: ServerUnaryCall<never, unknown>, reply: sendUnaryData<unknown>): void => {
      void this.#call(name, method, call).then(
        (response) => reply(null, response),
        (error: unknown) => reply(this.#describe(name, error) as ServiceError),
      );
    };
  }

  async #call(name: string, method: Method, call: ServerUnaryCall<never, unknown>): Promise<unknown> {
    const connection = present(this.#connections.get(call.getPeer()), `the connection of ${name}`);
    connection.hasCalled = true;
    const response = await method.call(connection, call.request);
    if (call.cancelled) await method.undo?.(connection, call.request, response as never);
    return response;
  }

  #describe(name: string, error: unknown): Partial<ServiceError> {
    const described = asWarpError(error, name);
    if (errorEntry(described.code).status === 'INTERNAL')
      this.#log.error({ err: error, method: name }, 'a call failed');
    return toServiceError(described);
  }
}
