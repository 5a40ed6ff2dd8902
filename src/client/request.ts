// Requests and completions as programs see them, and how a request is written into a slot.

import {
  R_AUXILIARY_REGION,
  R_COOKIE_LOW,
  R_DESTINATION_REGION,
  R_OPERATION,
  R_QUEUE,
  R_SESSION,
  R_SOURCE_REGION,
} from '../shared/channel/layout.ts';
import { type ErrorCode, WarpError } from '../shared/errors.ts';
import {
  GCM_IV_BYTES,
  OPERATION_NUMBERS,
  type Operation,
  type OperationName,
  operations,
  operationsByNumber,
  PARAMETER_IV_BYTES,
  PARAMETER_IV_OFFSET,
  PARAMETER_PATTERN_BYTES,
  PARAMETER_TAG_BYTES,
  PARAMETER_TAG_OFFSET,
} from '../shared/operations.ts';
import type { Region } from './region.ts';
import type { Session } from './session.ts';

// An imported binding is loaded from its module at each use; a constant of this module is compiled in, which the hot
// path notices.
const OPERATION = R_OPERATION;
const QUEUE = R_QUEUE;
const SESSION = R_SESSION;
const COOKIE_LOW = R_COOKIE_LOW;
const SOURCE_REGION = R_SOURCE_REGION;
const DESTINATION_REGION = R_DESTINATION_REGION;
const AUXILIARY_REGION = R_AUXILIARY_REGION;

/** A part of a region. */
export interface Range {
  region: Region;
  /** From the beginning of the region, bytes. */
  offset: number;
  bytes: number;
}

/** One request. The object may be used again for the next as soon as `send` has returned. */
export interface Request {
  operation: OperationName;
  session?: Session;
  /** Input. */
  source?: Range;
  /** Where the output goes: as much room as the output may need. */
  destination?: Range;
  /** Second input: what `compare` compares with; GCM's additional authenticated data. */
  auxiliary?: Range;
  /** 12 bytes for GCM, 16 for CBC. */
  iv?: Uint8Array;
  /** GCM decryption: the 16 bytes of the tag. */
  tag?: Uint8Array;
  /** `fill`: the 8 bytes that repeat. */
  pattern?: Uint8Array;
  /** `factorial`: the number, 0 to 2^32 - 1. */
  operand?: number;
  /** The program's own, 0 to 2^32 - 1; returned in the completion. */
  cookie?: number;
}

/** What became of a request. */
export interface Completion {
  /** 0: done; otherwise the number of the code. */
  status: number;
  code: ErrorCode | 'OK';
  /** Bytes of output; for `compare` the offset of the first difference. */
  produced: number;
  /** `crc32`: the checksum; `compare`: 0 equal, 1 different; `factorial`: the result modulo 2^32. */
  result: number;
  /** Device time, nanoseconds. */
  deviceNanos: number;
  cookie: number;
  /** Where the code is INTERRUPTED or CANCELLED: whether it can have run. */
  ran: 'yes' | 'no' | 'maybe';
  /** GCM encryption: the tag, 16 bytes. */
  tag: Buffer | undefined;
}

export function emptyCompletion(): Completion {
  return {
    status: 0,
    code: 'OK',
    produced: 0,
    result: 0,
    deviceNanos: 0,
    cookie: 0,
    ran: 'yes',
    tag: undefined,
  };
}

/** By number: operations that have nothing but a queue and a cookie. */
const isBare = new Uint8Array(OPERATION_NUMBERS);
for (const operation of operationsByNumber) {
  if (operation === undefined) continue;
  const { number, ranges, session, parameterBytes } = operation;
  const { source, destination, auxiliary } = ranges;
  const hasRange = source || destination || auxiliary !== 'no';
  isBare[number] = hasRange || session !== 'none' || parameterBytes > 0 ? 0 : 1;
}

/**
 * Writes those words of a slot that the daemon reads for the operation: the request at word `at`, its parameters at word
 * `parametersAt`. Each is a store to memory that the engine's processor has, so there are no more than that: flags, cookieHigh
 * and the reserved word stay 0. `bytes` and `words` are the same memory.
 */
export function writeRequest(
  words: Int32Array,
  bytes: Buffer,
  at: number,
  parametersAt: number,
  queueNumber: number,
  request: Request,
): Operation {
  const operation = operations[request.operation] as Operation | undefined;
  if (operation === undefined) throw unknownOperation(request.operation);
  words[at + OPERATION] = operation.number;
  words[at + QUEUE] = queueNumber;
  words[at + COOKIE_LOW] = request.cookie ?? 0;
  if (isBare[operation.number] === 1) return operation;
  words[at + SESSION] = request.session === undefined ? 0 : request.session.number;
  writeRange(words, at + SOURCE_REGION, request.source);
  writeRange(words, at + DESTINATION_REGION, request.destination);
  writeRange(words, at + AUXILIARY_REGION, request.auxiliary);
  if (operation.parameterBytes > 0) writeParameters(operation, bytes, parametersAt * 4, request);
  return operation;
}

function writeRange(words: Int32Array, at: number, range: Range | undefined): void {
  if (range === undefined) {
    words[at] = 0;
    words[at + 1] = 0;
    words[at + 2] = 0;
    return;
  }
  // Programs in JavaScript have no compiler to tell them.
  const region = range.region as Region | undefined;
  if (region === undefined) throw rangeWithoutRegion();
  words[at] = region.number;
  words[at + 1] = range.offset;
  words[at + 2] = range.bytes;
}

export function rangeWithoutRegion(): WarpError {
  const hint = 'give { region, offset, bytes }';
  return new WarpError('INVALID_ARGUMENT', {
    operation: 'send a request',
    found: 'a range has no region',
    hint,
  });
}

export function unknownOperation(given: unknown): WarpError {
  return new WarpError('INVALID_ARGUMENT', {
    operation: `send a request "${String(given)}"`,
    found: 'no operation has this name',
    hint: `there are ${Object.keys(operations).join(', ')}`,
  });
}

function writeParameters(operation: Operation, bytes: Buffer, at: number, request: Request): void {
  const { iv, tag, pattern, operand } = parametersOf(operation, request);
  if (pattern !== undefined) bytes.set(pattern, at);
  if (operand !== undefined) bytes.writeUInt32LE(operand, at);
  if (iv !== undefined) bytes.set(iv, at + PARAMETER_IV_OFFSET);
  if (tag !== undefined) bytes.set(tag, at + PARAMETER_TAG_OFFSET);
}

/** The parameters that the operation takes. Throws INVALID_ARGUMENT for one that is missing or has another length. */
export function parametersOf(
  { name, algorithm, parameterBytes }: Operation,
  { iv, tag, pattern, operand }: Request,
): {
  readonly iv?: Uint8Array;
  readonly tag?: Uint8Array;
  readonly pattern?: Uint8Array;
  readonly operand?: number;
} {
  if (parameterBytes === 0) return {};
  if (name === 'fill') return { pattern: exactly(pattern, PARAMETER_PATTERN_BYTES, name, 'pattern') };
  if (name === 'factorial') return { operand: checkOperand(operand) };
  const ivBytes = algorithm === 'aes-256-gcm' ? GCM_IV_BYTES : PARAMETER_IV_BYTES;
  const given = { iv: exactly(iv, ivBytes, name, 'iv') };
  if (name !== 'aes-256-gcm-decrypt') return given;
  return { ...given, tag: exactly(tag, PARAMETER_TAG_BYTES, name, 'tag') };
}

function checkOperand(operand: number | undefined): number {
  if (operand !== undefined && Number.isInteger(operand) && operand >= 0 && operand < 2 ** 32) return operand;
  throw new WarpError('INVALID_ARGUMENT', {
    operation: 'send a request "factorial"',
    found: operand === undefined ? 'no operand' : `the operand ${operand}`,
    hint: 'give a whole number from 0 to 2^32 - 1 as operand',
  });
}

function exactly(value: Uint8Array | undefined, length: number, operation: string, name: string): Uint8Array {
  if (value?.length === length) return value;
  throw new WarpError('INVALID_ARGUMENT', {
    operation: `send a request "${operation}"`,
    found: value === undefined ? `no ${name}` : `${name} has ${value.length} bytes`,
    hint: `give ${length} bytes as ${name}`,
  });
}
