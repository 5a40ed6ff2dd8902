// The gRPC server on the Unix socket: accepts connections itself, so that it knows who calls before it reads the
// first byte, and maps what methods throw to statuses.

import { chmodSync, rmSync } from 'node:fs';
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
import { asWarpError, errorEntry, type WarpError } from '../../shared/errors.ts';
import { brokerService, toServiceError } from '../../shared/grpc.ts';
import { type PeerCredentials, peerCredentials } from '../../sys/socket.ts';
import { socketNumber } from '../../sys/stream.ts';

/** Messages of this contract are small; payloads go through shared memory. */
const MESSAGE_BYTES_MAX = 64 * 1024;
const STREAMS_PER_CONNECTION_MAX = 128;
/** A connection on which nobody has called anything yet is cut off after this long, milliseconds. */
const FIRST_CALL_MILLIS_MAX = 10_000;

/** One accepted connection: who connected, as the kernel noted it. */
export interface Connection {
  readonly peer: PeerCredentials;
  hasCalled: boolean;
}

export interface Method {
  /** Carries a call out. */
  readonly call: (connection: Connection, request: never, signal: AbortSignal) => unknown;
  /** Takes back what a call has given to a caller that didn't wait for the answer. */
  readonly undo?: (connection: Connection, request: never, response: never) => Promise<unknown>;
}
export type Methods = Readonly<Record<string, Method>>;

export interface GrpcEvents {
  /** Somebody has connected. */
  onAccept(connection: Connection): void;
  onFailure(connection: Connection, request: object, error: WarpError): void;
}

export class GrpcServer {
  readonly #net: NetServer;
  readonly #path: string;
  readonly #server: Server;
  readonly #injector: ConnectionInjector;
  readonly #events: GrpcEvents;
  readonly #log: Logger;
  readonly #connectionsPerUidMax: number;
  readonly #connections = new Map<string, Connection>();
  readonly #sockets = new Set<Socket>();
  readonly #countByUid = new Map<number, number>();
  #nextName = 1;

  constructor(path: string, methods: Methods, connectionsPerUidMax: number, events: GrpcEvents, log: Logger) {
    this.#path = path;
    this.#events = events;
    this.#log = log;
    this.#connectionsPerUidMax = connectionsPerUidMax;
    this.#server = new Server({
      'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
      'grpc.max_concurrent_streams': STREAMS_PER_CONNECTION_MAX,
      'grpc.enable_channelz': 0,
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
    rmSync(this.#path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#net.once('error', reject);
      this.#net.listen(this.#path, () => resolve());
    });
    chmodSync(this.#path, 0o666);
  }

  close(): void {
    this.#net.close();
    this.#server.forceShutdown();
    for (const socket of this.#sockets) socket.destroy();
    rmSync(this.#path, { force: true });
  }

  #accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    const peer = peerCredentials(socketNumber(socket));
    const count = this.#countByUid.get(peer.uid) ?? 0;
    if (count >= this.#connectionsPerUidMax) {
      this.#log.warn(
        { uid: peer.uid, pid: peer.pid, limit: this.#connectionsPerUidMax },
        'too many connections',
      );
      socket.destroy();
      return;
    }
    const name = `connection-${this.#nextName++}`;
    const connection: Connection = { peer, hasCalled: false };
    this.#connections.set(name, connection);
    this.#sockets.add(socket);
    this.#countByUid.set(peer.uid, count + 1);
    const timer = setTimeout(() => {
      if (!connection.hasCalled) socket.destroy();
    }, FIRST_CALL_MILLIS_MAX);
    socket.once('close', () => {
      clearTimeout(timer);
      this.#connections.delete(name);
      this.#sockets.delete(socket);
      const left = (this.#countByUid.get(peer.uid) ?? 1) - 1;
      if (left === 0) this.#countByUid.delete(peer.uid);
      else this.#countByUid.set(peer.uid, left);
    });
    // The one property of a socket that grpc-js hands through to a call: call.getPeer() returns it.
    Object.defineProperty(socket, 'remoteAddress', { value: name });
    this.#events.onAccept(connection);
    this.#injector.injectConnection(socket);
  }

  #serve(name: string, method: Method) {
    return (call: ServerUnaryCall<never, unknown>, reply: sendUnaryData<unknown>): void => {
      void this.#call(name, method, call).then(
        (response) => reply(null, response),
        (error: unknown) => reply(this.#describe(name, call, error) as ServiceError),
      );
    };
  }

  async #call(name: string, method: Method, call: ServerUnaryCall<never, unknown>): Promise<unknown> {
    const connection = present(this.#connections.get(call.getPeer()), `the connection of ${name}`);
    connection.hasCalled = true;
    const controller = new AbortController();
    call.on('cancelled', () => controller.abort());
    const response = await method.call(connection, call.request, controller.signal);
    if (call.cancelled) await method.undo?.(connection, call.request, response as never);
    return response;
  }

  #describe(name: string, call: ServerUnaryCall<never, unknown>, error: unknown): Partial<ServiceError> {
    const described = asWarpError(error, name);
    const connection = this.#connections.get(call.getPeer());
    if (connection !== undefined) this.#events.onFailure(connection, call.request, described);
    if (errorEntry(described.code).status === 'INTERNAL')
      this.#log.error({ err: error, method: name }, 'a call failed');
    return toServiceError(described);
  }
}
