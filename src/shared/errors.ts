// The one class of errors, and its codes by name and by number. Which codes there are is the table in error-table.ts.

import { errorRows, type GrpcStatusName } from './error-table.ts';

export type ErrorCode = keyof typeof errorRows;

/** The number of a code, as it travels in completions and channel headers. */
export function errorNumber(code: ErrorCode): number {
  return errorRows[code][0];
}

const codesByNumber = new Map<number, ErrorCode>(
  Object.entries(errorRows).map(([code, row]) => [row[0], code as ErrorCode]),
);

/** The code of a number that came from a peer; INTERNAL for a number that this version doesn't know. */
export function errorCode(number: number): ErrorCode {
  return codesByNumber.get(number) ?? 'INTERNAL';
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorRows, text);
}

/** The status of a gRPC call that fails with the code. */
export function grpcStatusOf(code: ErrorCode): GrpcStatusName {
  return errorRows[code][2];
}

export interface WarpErrorDetails {
  /** What was attempted, as a phrase: 'share a region of 4096 bytes'. */
  readonly operation: string;
  /** What was found instead of success; the table's meaning of the code if left out. */
  readonly found?: string | undefined;
  /** What the reader can do; the table's hint if left out. */
  readonly hint?: string | undefined;
  /** For a request: whether it can have run before it failed. */
  readonly ran?: 'no' | 'maybe' | undefined;
  readonly limit?: ReachedLimit | undefined;
  readonly cause?: unknown;
}

/** A limit that was reached. */
export interface ReachedLimit {
  /** As the configuration calls it: 'limits.regions'. */
  readonly name: string;
  readonly value: number;
  readonly used: number;
}

/** Anything that can be expected to go wrong. `code` is stable; the message is for people. */
export class WarpError extends Error {
  override readonly name = 'WarpError';
  readonly code: ErrorCode;
  readonly operation: string;
  readonly found: string;
  readonly hint: string;
  readonly ran: 'no' | 'maybe' | undefined;
  readonly limit: ReachedLimit | undefined;

  constructor(code: ErrorCode, details: WarpErrorDetails) {
    const found = details.found ?? errorRows[code][3];
    const hint = details.hint ?? errorRows[code][4];
    super(`${details.operation}: ${found} (${code}); ${hint}`, { cause: details.cause });
    this.code = code;
    this.operation = details.operation;
    this.found = found;
    this.hint = hint;
    this.ran = details.ran;
    this.limit = details.limit;
  }
}

/** Any thrown value as a WarpError: what isn't one yet is INTERNAL, with the value as its cause. */
export function asWarpError(error: unknown, operation: string): WarpError {
  if (error instanceof WarpError) return error;
  const found = error instanceof Error ? error.message : String(error);
  return new WarpError('INTERNAL', { operation, found, cause: error });
}
