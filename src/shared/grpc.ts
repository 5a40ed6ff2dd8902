// The gRPC contract as both sides load it, and how errors travel over it.

import { type ServiceError, loadPackageDefinition, Metadata, status as grpcStatus } from '@grpc/grpc-js';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import { decodeDetails, DETAILS_KEY, encodeDetails } from './error-details.ts';
import { grpcStatusOf, WarpError } from './errors.ts';
import type { ProtoGrpcType } from './gen/warpdrive.ts';
import type { AdminDefinition } from './gen/warpdrive/v1/Admin.ts';
import type { BrokerDefinition } from './gen/warpdrive/v1/Broker.ts';
import { packageRoot, protoFile } from './package-files.ts';

/** How messages look in JavaScript; the generated types in gen/ are made with the same options. */
export const contract = loadSync(protoFile, {
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
  includeDirs: [`${packageRoot}/proto`],
});

const { warpdrive } = loadPackageDefinition(contract) as unknown as ProtoGrpcType;

export const brokerService: BrokerDefinition = warpdrive.v1.Broker.service;
export const adminService: AdminDefinition = warpdrive.v1.Admin.service;

/** The calls that stream, whose messages are encoded elsewhere or piece by piece. */
type StreamMethod = 'Exchange' | 'WriteRegion' | 'ReadRegion';
type NamesOf<Service> = keyof { [Name in keyof Service as string extends Name ? never : Name]: unknown };

/** Methods by name, and what each takes and returns: as sent, and as received with defaults. */
export type BrokerMethod = Exclude<NamesOf<BrokerDefinition>, StreamMethod>;
type AdminMethod = NamesOf<AdminDefinition>;
/** Methods of either service: those of the Admin service with its name before them. */
export type Method = BrokerMethod | `Admin/${AdminMethod}`;
type Definition<Name extends Method> = Name extends BrokerMethod
  ? BrokerDefinition[Name]
  : Name extends `Admin/${infer Short extends AdminMethod}`
    ? AdminDefinition[Short]
    : never;

export function methodDefinition<Name extends Method>(name: Name): Definition<Name> {
  const [, short] = name.split('/');
  const definition = short === undefined ? brokerService[name] : adminService[short];
  return definition as unknown as Definition<Name>;
}
export type RequestTo<Name extends Method> =
  Definition<Name> extends MethodDefinition<infer Request, infer _R, infer _O, infer _P> ? Request : never;
export type ResponseFrom<Name extends Method> =
  Definition<Name> extends MethodDefinition<infer _Q, infer _R, infer _O, infer Response> ? Response : never;
export type ReceivedRequest<Name extends Method> =
  Definition<Name> extends MethodDefinition<infer _Q, infer _R, infer Request, infer _P> ? Request : never;
export type GivenResponse<Name extends Method> =
  Definition<Name> extends MethodDefinition<infer _Q, infer Response, infer _O, infer _P> ? Response : never;

/**
 * A trailer that is longer than the peer takes never arrives, and the call with it: what a caller has sent may come back
 * in the texts of its error, so they are cut. Characters.
 */
const TEXT_MAX = 512;

/** The same error with texts that a trailer, or a line of a log, can hold. */
export function cutTexts(error: WarpError): WarpError {
  const { operation, found, hint } = error;
  if (Math.max(operation.length, found.length, hint.length) <= TEXT_MAX) return error;
  const cut = (text: string): string => (text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}...`);
  const { limit, ran } = error;
  return new WarpError(error.code, {
    operation: cut(operation),
    found: cut(found),
    hint: cut(hint),
    limit,
    ran,
  });
}

/** An error as gRPC carries it. */
export function toServiceError(given: WarpError): Partial<ServiceError> {
  const error = cutTexts(given);
  const status = grpcStatus[grpcStatusOf(error.code)];
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, encodeDetails(error, status));
  return { code: status, details: error.message, metadata };
}

/** What a call of `operation` failed with, whoever failed it: the daemon, gRPC itself, or the network. */
export function fromServiceError(error: ServiceError, operation: string): WarpError {
  const [bytes] = error.metadata.get(DETAILS_KEY);
  const told = Buffer.isBuffer(bytes) ? decodeDetails(bytes, error) : undefined;
  if (told !== undefined) return told;
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
