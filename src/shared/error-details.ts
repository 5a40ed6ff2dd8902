// An error in the standard form of gRPC: google.rpc.Status in the trailing metadata entry "grpc-status-details-bin",
// with the details that https://google.aip.dev/193 names. Only the fields that we use are declared.

import protobuf from 'protobufjs';
import { type ErrorCode, isErrorCode, WarpError } from './errors.ts';

export const DETAILS_KEY = 'grpc-status-details-bin';
const DOMAIN = 'warpdrive';

/** After how long trying again is worth it, milliseconds: for codes of what passes by itself. */
const retryMillis: Partial<Record<ErrorCode, number>> = {
  ENGINE_UNAVAILABLE: 100,
  DAEMON_STOPPING: 1_000,
  ENGINE_LOST: 100,
  DEVICE_UNAVAILABLE: 1_000,
};

// google/rpc/status.proto, google/rpc/error_details.proto, google/protobuf/{any,duration}.proto
const root = protobuf.Root.fromJSON({
  nested: {
    Any: { fields: { typeUrl: { type: 'string', id: 1 }, value: { type: 'bytes', id: 2 } } },
    Status: {
      fields: {
        code: { type: 'int32', id: 1 },
        message: { type: 'string', id: 2 },
        details: { rule: 'repeated', type: 'Any', id: 3 },
      },
    },
    ErrorInfo: {
      fields: {
        reason: { type: 'string', id: 1 },
        domain: { type: 'string', id: 2 },
        metadata: { keyType: 'string', type: 'string', id: 3 } as protobuf.IField,
      },
    },
    QuotaFailure: { fields: { violations: { rule: 'repeated', type: 'Violation', id: 1 } } },
    Violation: { fields: { subject: { type: 'string', id: 1 }, description: { type: 'string', id: 2 } } },
    RetryInfo: { fields: { retryDelay: { type: 'Duration', id: 1 } } },
    Duration: { fields: { seconds: { type: 'int64', id: 1 }, nanos: { type: 'int32', id: 2 } } },
  },
});
const statusType = root.lookupType('Status');

interface Detail {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

function detail(name: string, fields: object): Detail {
  const value = root.lookupType(name).encode(fields).finish();
  return { typeUrl: `type.googleapis.com/google.rpc.${name}`, value };
}

/** `status`: the number of the gRPC status. */
export function encodeDetails(error: WarpError, status: number): Buffer {
  const { code, operation, found, hint, limit, message } = error;
  const metadata: Record<string, string> = { operation, found, hint };
  if (limit !== undefined) {
    metadata['limit'] = limit.name;
    metadata['limit_value'] = String(limit.value);
    metadata['limit_used'] = String(limit.used);
  }
  const details = [detail('ErrorInfo', { reason: code, domain: DOMAIN, metadata })];
  if (limit !== undefined)
    details.push(detail('QuotaFailure', { violations: [{ subject: limit.name, description: found }] }));
  const millis = retryMillis[code];
  if (millis !== undefined) {
    const retryDelay = { seconds: Math.floor(millis / 1_000), nanos: (millis % 1_000) * 1_000_000 };
    details.push(detail('RetryInfo', { retryDelay }));
  }
  return statusType.encode({ code: status, message, details }).finish() as Buffer;
}

/** The error that a peer has encoded; undefined if it is none of ours. */
export function decodeDetails(bytes: Buffer, cause: unknown): WarpError | undefined {
  const { details } = statusType.decode(bytes) as unknown as { readonly details: readonly Detail[] };
  const info = details.find(({ typeUrl }) => typeUrl.endsWith('/google.rpc.ErrorInfo'));
  if (info === undefined) return undefined;
  const { reason, domain, metadata } = root.lookupType('ErrorInfo').decode(info.value) as unknown as {
    readonly reason: string;
    readonly domain: string;
    readonly metadata: Readonly<Record<string, string>>;
  };
  if (domain !== DOMAIN || !isErrorCode(reason)) return undefined;
  const { operation = '', found, hint, limit: name, limit_value: value, limit_used: used } = metadata;
  const limit = name === undefined ? undefined : { name, value: Number(value), used: Number(used) };
  return new WarpError(reason, { operation, found, hint, limit, cause });
}
