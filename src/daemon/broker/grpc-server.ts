// The gRPC server: knows the connection behind each call, and maps what methods throw to statuses. It listens nowhere
// itself: listeners give it sockets whose callers are known (connections.ts).

import type { Duplex } from 'node:stream';
import {
  type ConnectionInjector,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type ServiceError,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import type { Logger } from 'pino';
import { present } from '../../shared/assert.ts';
import { asWarpError, grpcStatusOf, WarpError } from '../../shared/errors.ts';
import { contract, toServiceError } from '../../shared/grpc.ts';
import { MESSAGE_BYTES_MAX } from '../../shared/limits.ts';
import type { CallOwner, Calls } from './calls.ts';
import type { Connection } from './connections.ts';

const STREAMS_PER_CONNECTION_MAX = 128;

type UnaryCall = ServerUnaryCall<never, unknown>;

export interface Method {
  /** Carries a call out. */
  readonly call: (connection: Connection, request: never, signal: AbortSignal) => unknown;
  /** Takes back what a call has given to a caller that didn't wait for the answer. */
  readonly undo?: (connection: Connection, request: never, response: never) => Promise<unknown>;
}

/** A call of which one side or both are streams. */
export type StreamMethod =
  | { readonly exchanges: (connection: Connection, call: ServerDuplexStream<Buffer, Buffer>) => void }
  | {
      readonly reads: (
        connection: Connection,
        call: ServerReadableStream<never, unknown>,
      ) => Promise<unknown>;
    }
  | {
      readonly writes: (connection: Connection, call: ServerWritableStream<never, unknown>) => Promise<void>;
    };

/** By the names of the contract. */
export type Methods = Readonly<Record<string, Method | StreamMethod>>;

/** What a message that can't be decoded is decoded to. */
class Malformed {
  readonly found: string;

  constructor(found: string) {
    this.found = found;
  }
}

/** A call has failed. `request`: undefined where it is a stream. */
export type OnFailure = (connection: Connection, request: object | undefined, error: WarpError) => void;

export class GrpcServer {
  readonly #server: Server;
  readonly #injector: ConnectionInjector;
  readonly #health = new HealthImplementation();
  readonly #connectionOf: (name: string) => Connection | undefined;
  readonly #calls: Calls;
  readonly #onFailure: OnFailure;
  readonly #log: Logger;

  /** `connectionOf`: the connection that was served under a name. `calls`: those that are open. */
  constructor(
    connectionOf: (name: string) => Connection | undefined,
    calls: Calls,
    onFailure: OnFailure,
    log: Logger,
  ) {
    this.#connectionOf = connectionOf;
    this.#calls = calls;
    this.#onFailure = onFailure;
    this.#log = log;
    this.#server = new Server({
      'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
      'grpc.max_concurrent_streams': STREAMS_PER_CONNECTION_MAX,
      'grpc.enable_channelz': 0,
      interceptors: [
        ({ requestStream, responseStream }, call) =>
          this.#calls.open(call, this.#ownerOf(call.getPeer()), requestStream || responseStream),
      ],
    });
    this.#health.addToServer({
      addService: (definition: ServiceDefinition, handlers: Readonly<Record<string, UntypedHandleCall>>) =>
        this.#server.addService(definition, this.#counted(handlers)),
    });
    this.#injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
  }

  addService(definition: ServiceDefinition, methods: Methods): void {
    const decoded = Object.entries(definition).map(([name, method]) => {
      const isExchange = name === 'Exchange';
      const requestDeserialize = (bytes: Buffer): unknown => {
        if (isExchange) return bytes;
        try {
          return method.requestDeserialize(bytes);
        } catch (error) {
          return new Malformed((error as Error).message);
        }
      };
      const responseSerialize = isExchange ? (bytes: Buffer): Buffer => bytes : method.responseSerialize;
      return [name, { ...method, requestDeserialize, responseSerialize }] as const;
    });
    const handlers = Object.entries(methods).map(
      ([name, method]) => [name, this.#handlerOf(name, method) as UntypedHandleCall] as const,
    );
    this.#server.addService(Object.fromEntries(decoded), Object.fromEntries(handlers));
  }

  /** Tells clients the contract. */
  reflect(): void {
    new ReflectionService(contract).addToServer(this.#server);
  }

  /** What health checks of the services say. */
  setHealth(isServing: boolean): void {
    const status = isServing ? 'SERVING' : 'NOT_SERVING';
    for (const service of ['', 'warpdrive.v1.Broker', 'warpdrive.v1.Admin'])
      this.#health.setStatus(service, status);
  }

  serve(socket: Duplex): void {
    this.#injector.injectConnection(socket);
  }

  close(): void {
    this.#server.forceShutdown();
  }

  /** Handlers of others, whose calls too keep a connection from being cut off. */
  #counted(handlers: Readonly<Record<string, UntypedHandleCall>>): Record<string, UntypedHandleCall> {
    const counted = ([name, handler]: [string, UntypedHandleCall]): [string, UntypedHandleCall] => {
      const counting = (call: UnaryCall, reply: sendUnaryData<unknown>): void => {
        this.#connection(call);
        (handler as (call: UnaryCall, reply: sendUnaryData<unknown>) => void)(call, reply);
      };
      return [name, counting as UntypedHandleCall];
    };
    return Object.fromEntries(Object.entries(handlers).map(counted));
  }

  /** Whose a call is. The connection may be gone already, with the call: then it is nobody's. */
  #ownerOf(name: string): CallOwner {
    return this.#connectionOf(name) ?? { payer: '', cut() {} };
  }

  #connection(call: { getPeer(): string }): Connection {
    const connection = present(this.#connectionOf(call.getPeer()), 'the connection of a call');
    connection.hasCalled = true;
    return connection;
  }

  #handlerOf(name: string, method: Method | StreamMethod): unknown {
    if ('exchanges' in method)
      return (call: ServerDuplexStream<Buffer, Buffer>) => method.exchanges(this.#connection(call), call);
    if ('writes' in method) {
      return (call: ServerWritableStream<never, unknown>): void => {
        const written = withRequest(call, () => method.writes(this.#connection(call), call));
        written.then(
          () => call.end(),
          (error: unknown) => call.emit('error', this.#describe(name, call, error)),
        );
      };
    }
    const carryOut = 'reads' in method ? this.#callReading(method) : this.#callUnary(method);
    return (call: UnaryCall & ServerReadableStream<never, unknown>, reply: sendUnaryData<unknown>): void => {
      void carryOut(call).then(
        (response) => reply(null, response),
        (error: unknown) => reply(this.#describe(name, call, error) as ServiceError),
      );
    };
  }

  #callReading(method: Extract<StreamMethod, { reads: unknown }>) {
    return async (call: ServerReadableStream<never, unknown>): Promise<unknown> =>
      method.reads(this.#connection(call), call);
  }

  #callUnary(method: Method) {
    return (call: UnaryCall): Promise<unknown> =>
      withRequest(call, async () => {
        const connection = this.#connection(call);
        const controller = new AbortController();
        call.on('cancelled', () => controller.abort());
        const response = await method.call(connection, call.request, controller.signal);
        if (call.cancelled) await method.undo?.(connection, call.request, response as never);
        return response;
      });
  }

  #describe(
    name: string,
    call: { getPeer(): string; readonly request?: unknown },
    error: unknown,
  ): Partial<ServiceError> {
    const described = asWarpError(error, name);
    const connection = this.#connectionOf(call.getPeer());
    if (connection !== undefined) this.#onFailure(connection, call.request as object | undefined, described);
    if (grpcStatusOf(described.code) === 'INTERNAL')
      this.#log.error({ err: error, method: name }, 'a call failed');
    return toServiceError(described);
  }
}

/** Refuses a call whose request could not be decoded. */
async function withRequest<Result>(
  { request }: { readonly request: unknown },
  carryOut: () => Promise<Result>,
): Promise<Result> {
  if (request instanceof Malformed) throw malformed(request.found);
  return carryOut();
}

function malformed(found: string): WarpError {
  const hint = 'see the messages of the call in warpdrive.proto';
  return new WarpError('INVALID_ARGUMENT', { operation: 'decode the request', found, hint });
}

/** The same for a message of a stream. */
export function checkDecoded<Message>(message: Message): Message {
  if (message instanceof Malformed) throw malformed(message.found);
  return message;
}
