// Requests of an Exchange call: what is checked before one gets a slot, and how it is written into it.
//
// The engine checks every request that it takes from a channel; here is only what it can't see: payloads, and
// parameters that are to be written.

import {
  FLAG_CANCEL,
  R_AUXILIARY_REGION,
  R_COOKIE_HIGH,
  R_COOKIE_LOW,
  R_DESTINATION_REGION,
  R_FLAGS,
  R_OPERATION,
  R_QUEUE,
  R_RESERVED,
  R_SESSION,
  R_SOURCE_REGION,
} from '../../../shared/channel/layout.ts';
import type { ErrorCode } from '../../../shared/errors.ts';
import type { ReceivedInput, ReceivedRequest, RegionRange } from '../../../shared/exchange.ts';
import {
  GCM_IV_BYTES,
  operationsByNumber,
  PARAMETER_IV_BYTES,
  PARAMETER_IV_OFFSET,
  PARAMETER_PATTERN_BYTES,
  PARAMETER_TAG_BYTES,
  PARAMETER_TAG_OFFSET,
} from '../../../shared/operations.ts';
import type { HeldChannel } from './held-channel.ts';
import type { Lease } from './payload-memory.ts';

/** Parts of a lease begin at multiples of a cache line. */
const ALIGNMENT = 64;
/** Names no region. */
const NO_REGION = -1;

/** A payload of a request on its way into memory. */
interface Payload {
  /** Where it lies in the lease, bytes. */
  readonly at: number;
  readonly bytes: number;
  received: number;
}

/** A request from its message until its completion is sent. */
export interface Pending {
  readonly id: number;
  readonly request: ReceivedRequest;
  /** Tells it from other requests in the same slot. */
  readonly cookie: number;
  readonly source: Payload;
  readonly auxiliary: Payload;
  /** Room for output that goes back with the completion. */
  readonly output: { readonly at: number; readonly bytes: number };
  /** What it needs of the payload memory, bytes. */
  readonly leaseBytes: number;
  lease: Lease | undefined;
  /** Pieces that came before there was memory for them. */
  readonly early: Uint8Array[];
  /** -1: the engine has not seen it. */
  slot: number;
  timer: NodeJS.Timeout | undefined;
}

/** A request that just came; a text if its message makes no sense. */
export function pendingOf(request: ReceivedRequest, cookie: number): Pending | string {
  const sourceBytes = inlineBytes(request.source);
  const auxiliaryBytes = inlineBytes(request.auxiliary);
  if (sourceBytes === undefined || auxiliaryBytes === undefined) {
    return 'an input has a region and data, or more data than bytes';
  }
  const { destination } = request;
  if (destination !== null && destination.region !== null && destination.bytes !== 0)
    return 'a destination has a region and bytes';
  const auxiliaryAt = align(sourceBytes);
  const outputAt = auxiliaryAt + align(auxiliaryBytes);
  const outputBytes = destination?.bytes ?? 0;
  return {
    id: request.id,
    request,
    cookie,
    source: { at: 0, bytes: sourceBytes, received: 0 },
    auxiliary: { at: auxiliaryAt, bytes: auxiliaryBytes, received: 0 },
    output: { at: outputAt, bytes: outputBytes },
    leaseBytes: outputAt + outputBytes,
    lease: undefined,
    early: [],
    slot: -1,
    timer: undefined,
  };
}

function inlineBytes(input: ReceivedInput | null): number | undefined {
  if (input === null) return 0;
  const { region, data, bytes } = input;
  if (region !== null) return data.length === 0 && bytes === 0 ? 0 : undefined;
  if (bytes === 0) return data.length;
  return data.length <= bytes ? bytes : undefined;
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Why a request gets no slot at all; undefined if it may. */
export function whyRefused(
  { request, source, auxiliary, output }: Pending,
  bytesMax: number,
): ErrorCode | undefined {
  if (Math.max(source.bytes, auxiliary.bytes, output.bytes) > bytesMax) return 'TOO_LARGE';
  const operation = operationsByNumber[request.operation];
  if (operation === undefined || operation.parameterBytes === 0) return undefined;
  const { iv, tag, pattern } = request;
  if (operation.name === 'factorial') return undefined;
  if (operation.name === 'fill') return pattern.length === PARAMETER_PATTERN_BYTES ? undefined : 'BAD_LENGTH';
  const ivBytes = operation.algorithm === 'aes-256-gcm' ? GCM_IV_BYTES : PARAMETER_IV_BYTES;
  const hasTag = operation.name === 'aes-256-gcm-decrypt';
  return iv.length === ivBytes && (!hasTag || tag.length === PARAMETER_TAG_BYTES) ? undefined : 'BAD_LENGTH';
}

export function isWhole({ source, auxiliary }: Pending): boolean {
  return source.received === source.bytes && auxiliary.received === auxiliary.bytes;
}

/** Puts a piece behind what has come of the source, or of the auxiliary input once that is whole; false if it is too long. */
export function receivePiece(pending: Pending, lease: Lease, data: Uint8Array): boolean {
  const { source, auxiliary } = pending;
  return receive(source.received < source.bytes ? source : auxiliary, lease, data);
}

/** Puts what came with the request itself into its memory. */
export function receiveInline({ request, source, auxiliary }: Pending, lease: Lease): void {
  if (source.bytes > 0) receive(source, lease, request.source?.data ?? []);
  if (auxiliary.bytes > 0) receive(auxiliary, lease, request.auxiliary?.data ?? []);
}

function receive(payload: Payload, { memory, offset }: Lease, data: ArrayLike<number>): boolean {
  if (data.length > payload.bytes - payload.received) return false;
  memory.set(data, offset + payload.at + payload.received);
  payload.received += data.length;
  return true;
}

/** Writes all words of a slot. */
export function writeSlot(channel: HeldChannel, pending: Pending, slot: number): void {
  const { words, end } = channel;
  const { request, lease, source, auxiliary, output } = pending;
  const at = end.slotWord(slot);
  words[at + R_OPERATION] = request.operation;
  words[at + R_QUEUE] = request.queue;
  words[at + R_SESSION] = request.session;
  words[at + R_FLAGS] = 0;
  words[at + R_COOKIE_LOW] = pending.cookie;
  words[at + R_COOKIE_HIGH] = 0;
  const write = (
    word: number,
    range: RegionRange | null | undefined,
    inline: { at: number; bytes: number },
  ): void => {
    if (range === null || range === undefined) {
      words[word] = lease?.region ?? 0;
      words[word + 1] = (lease?.offset ?? 0) + inline.at;
      words[word + 2] = inline.bytes;
      return;
    }
    words[word] = channel.isReserved(range.region) ? NO_REGION : range.region;
    words[word + 1] = range.offset;
    words[word + 2] = range.bytes;
  };
  write(at + R_SOURCE_REGION, request.source?.region, source);
  write(at + R_DESTINATION_REGION, request.destination?.region, output);
  write(at + R_AUXILIARY_REGION, request.auxiliary?.region, auxiliary);
  words[at + R_RESERVED] = 0;
  writeParameters(channel.bytes, end.parameterWord(slot) * 4, request);
}

function writeParameters(
  bytes: Buffer,
  at: number,
  { operation, iv, tag, pattern, operand }: ReceivedRequest,
): void {
  const { name = '', parameterBytes = 0 } = operationsByNumber[operation] ?? {};
  if (parameterBytes === 0) return;
  if (name === 'fill') return bytes.set(pattern, at);
  if (name === 'factorial') return void bytes.writeUInt32LE(operand, at);
  bytes.set(iv, at + PARAMETER_IV_OFFSET);
  if (name === 'aes-256-gcm-decrypt') bytes.set(tag, at + PARAMETER_TAG_OFFSET);
}

/** Marks a submitted request as given up, for an engine that has not taken it yet. */
export function flagCancelled({ words, end }: HeldChannel, slot: number): void {
  words[end.slotWord(slot) + R_FLAGS] = FLAG_CANCEL;
}

/** The tag that the operation of a completed request returns; none for most. */
export function resultTag({ bytes, end }: HeldChannel, { request, slot }: Pending): Buffer | undefined {
  if ((operationsByNumber[request.operation]?.resultBytes ?? 0) === 0) return undefined;
  const at = end.parameterWord(slot) * 4 + PARAMETER_TAG_OFFSET;
  return Buffer.from(bytes.subarray(at, at + PARAMETER_TAG_BYTES));
}
