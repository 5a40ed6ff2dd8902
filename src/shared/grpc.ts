// The gRPC contract as both sides load it, and how errors travel over it.

import { type ServiceError, loadPackageDefinition, Metadata, status as grpcStatus } from '@grpc/grpc-js';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import { errorEntry, isErrorCode, WarpError } from './errors.ts';
import type { ProtoGrpcType } from './gen/warpdrive.ts';
import type { BrokerDefinition } from './gen/warpdrive/v1/Broker.ts';
import { packageRoot, protoFile } from './package-files.ts';

/** How messages look in JavaScript; the generated types in gen/ are made with the same options. */
const definition = loadSync(protoFile, {
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
  includeDirs: [`${packageRoot}/proto`],
});

const { warpdrive } = loadPackageDefinition(definition) as unknown as ProtoGrpcType;

export const brokerService: BrokerDefinition = warpdrive.v1.Broker.service;

/** The Broker's methods by name, and what each takes and returns: as sent, and as received with defaults. */
export type BrokerMethod = keyof {
  [Name in keyof BrokerDefinition as string extends Name ? never : Name]: unknown;
};
type Definition<Name extends BrokerMethod> = BrokerDefinition[Name];
export type RequestTo<Name extends BrokerMethod> =
  Definition<Name> extends MethodDefinition<infer Request, infer _R, infer _O, infer _P> ? Request : never;
export type ResponseFrom<Name extends BrokerMethod> =
  Definition<Name> extends MethodDefinition<infer _Q, infer _R, infer _O, infer Response> ? Response : never;
export type ReceivedRequest<Name extends BrokerMethod> =
  Definition<Name> extends MethodDefinition<infer _Q, infer _R, infer Request, infer _P> ? Request : never;
export type GivenResponse<Name extends BrokerMethod> =
  Definition<Name> extends MethodDefinition<infer _Q, infer Response, infer _O, infer _P> ? Response : never;

/** Trailing metadata with the error as JSON. */
const ERROR_KEY = 'warpdrive-error-bin';

/** An error as gRPC carries it. */
export function toServiceError(error: WarpError): Partial<ServiceError> {
  const { code, operation, found, hint } = error;
  const metadata = new Metadata();
  metadata.set(ERROR_KEY, Buffer.from(JSON.stringify({ code, operation, found, hint })));
  return { code: grpcStatus[errorEntry(code).status], details: error.message, metadata };
}

/** What a call of `operation` failed with, whoever failed it: the daemon, gRPC itself, or the network. */
export function fromServiceError(error: ServiceError, operation: string): WarpError {
  const [bytes] = error.metadata.get(ERROR_KEY);
  if (Buffer.isBuffer(bytes)) {
    const { code, ...details } = JSON.parse(bytes.toString()) as {
      code: string;
      operation: string;
      found: string;
      hint: string;
    };
    if (isErrorCode(code)) return new WarpError(code, { ...details, cause: error });
  }
  const found = error.details === '' ? error.message : error.details;
  if (error.code === grpcStatus.UNAVAILABLE)
    return new WarpError('NO_DAEMON', { operation, found, cause: error });
  if (error.code === grpcStatus.DEADLINE_EXCEEDED)
    return new WarpError('DEADLINE_EXCEEDED', { operation, cause: error });
  if (error.code === grpcStatus.UNIMPLEMENTED) {
    return new WarpError('PROTOCOL_MISMATCH', {
      operation,
      found: 'the daemon does not know this call',
      cause: error,
    });
  }
  return new WarpError('INTERNAL', { operation, found, cause: error });
}
