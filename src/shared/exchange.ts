// The messages of the call Exchange (proto/warpdrive/v1) as both sides encode and decode them.
//
// Not by way of src/shared/grpc.ts: its messages are copied into plain objects with all defaults filled in, which
// costs more than all the rest of a small request. Here a message is what the decoder has made: absent fields read as
// their defaults, bytes are views of the message.

import protobuf from 'protobufjs';
import { protoFile } from './package-files.ts';

/** A message as it is given to be encoded: what is left out has its default. */
export interface ExchangeRequest {
  readonly channel?: number;
  readonly requests?: readonly WireRequest[];
  readonly parts?: readonly Part[];
  readonly cancel?: readonly number[];
  readonly completionsPerMessage?: number;
}

export interface WireRequest {
  readonly id: number;
  readonly operation: number;
  readonly queue: number;
  readonly session?: number;
  readonly source?: Input | null;
  readonly auxiliary?: Input | null;
  readonly destination?: Output | null;
  readonly iv?: Uint8Array;
  readonly tag?: Uint8Array;
  readonly pattern?: Uint8Array;
  readonly timeoutMillis?: number;
  readonly operand?: number;
}

export interface RegionRange {
  readonly region: number;
  readonly offset: number;
  readonly bytes: number;
}

export interface Input {
  readonly region?: RegionRange | null;
  readonly data?: Uint8Array;
  readonly bytes?: number;
}

interface Output {
  readonly region?: RegionRange | null;
  readonly bytes?: number;
}

interface Part {
  readonly id: number;
  readonly data: Uint8Array;
}

export interface ExchangeResponse {
  readonly parts?: readonly Part[];
  readonly completions?: readonly WireCompletion[];
}

export interface WireCompletion {
  readonly id: number;
  readonly status?: number;
  readonly code?: string;
  readonly produced?: number;
  readonly result?: number;
  readonly deviceNanos?: number;
  readonly tag?: Uint8Array;
  readonly ran?: number;
  readonly data?: Uint8Array;
}

/** Values of the contract's enum Ran. */
export const RAN = { unspecified: 0, no: 1, maybe: 2 } as const;

/** The same with nothing left out, as it was received. */
type Received<T> = { readonly [Name in keyof T]-?: Exclude<T[Name], undefined> };
export type ReceivedExchangeRequest = Received<Omit<ExchangeRequest, 'requests' | 'channel'>> & {
  /** 64 bits wide: `Number` makes one of it. */
  readonly channel: unknown;
  readonly requests: readonly ReceivedRequest[];
};
export type ReceivedRequest = Received<Omit<WireRequest, 'source' | 'auxiliary' | 'destination'>> & {
  readonly source: Received<Input> | null;
  readonly auxiliary: Received<Input> | null;
  readonly destination: Received<Output> | null;
};
export type ReceivedInput = Received<Input>;
export interface ReceivedExchangeResponse {
  readonly parts: readonly Part[];
  readonly completions: readonly Received<WireCompletion>[];
}

const root = new protobuf.Root().loadSync(protoFile);
const requestType = withEmptyBytes(root.lookupType('warpdrive.v1.ExchangeRequest'));
const responseType = withEmptyBytes(root.lookupType('warpdrive.v1.ExchangeResponse'));

/** Bytes that are absent read as an empty Buffer, in these messages and those inside them; else as an array. */
function withEmptyBytes(type: protobuf.Type): protobuf.Type {
  const prototype = type.ctor.prototype as Record<string, unknown>;
  for (const field of type.fieldsArray) {
    field.resolve();
    if (field.type === 'bytes' && !field.repeated) prototype[field.name] = Buffer.alloc(0);
    if (field.resolvedType instanceof protobuf.Type) withEmptyBytes(field.resolvedType);
  }
  return type;
}

export function encodeExchangeRequest(message: ExchangeRequest): Buffer {
  return requestType.encode(message).finish() as Buffer;
}

/** Throws what the decoder throws, for bytes that are no such message. */
export function decodeExchangeRequest(bytes: Buffer): ReceivedExchangeRequest {
  return requestType.decode(bytes) as unknown as ReceivedExchangeRequest;
}

export function encodeExchangeResponse(message: ExchangeResponse): Buffer {
  return responseType.encode(message).finish() as Buffer;
}

export function decodeExchangeResponse(bytes: Buffer): ReceivedExchangeResponse {
  return responseType.decode(bytes) as unknown as ReceivedExchangeResponse;
}
