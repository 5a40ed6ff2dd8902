// What accelerators do: one table of algorithms and their operations.
//
// The number of an operation travels in requests (docs/PROTOCOL.md) and never gets another meaning. A queue is
// requested for one algorithm and takes its operations only. A session holds what requests of a kind have in
// common: the level of a compression, the key of a cipher.

import { assert } from './assert.ts';

export type SessionKind = 'none' | 'level' | 'key';

/** Which of a request's three ranges an operation uses. */
interface RangeUse {
  readonly source: boolean;
  readonly destination: boolean;
  /** A second input: what `compare` compares with, the additional authenticated data of GCM. */
  readonly auxiliary: 'no' | 'optional' | 'yes';
}

export interface Operation {
  readonly name: string;
  readonly number: number;
  readonly algorithm: AlgorithmName;
  readonly ranges: RangeUse;
  readonly session: SessionKind;
  /** Bytes of the slot's parameter area that the device reads, and that it writes back. */
  readonly parameterBytes: number;
  readonly resultBytes: number;
}

/** Where the parameters lie in a slot's 64-byte parameter area. */
export const PARAMETER_IV_OFFSET = 0;
export const PARAMETER_IV_BYTES = 16;
/** GCM's IV: the 96 bits that NIST SP 800-38D section 5.2.1.1 recommends. */
export const GCM_IV_BYTES = 12;
export const PARAMETER_TAG_OFFSET = 16;
export const PARAMETER_TAG_BYTES = 16;
/** `fill`: the pattern, 8 bytes that repeat. */
export const PARAMETER_PATTERN_BYTES = 8;
/** `factorial`: the number, 32 bits. */
const PARAMETER_OPERAND_BYTES = 4;
/** From here on a factorial is a multiple of 2^32, and its result 0. */
export const FACTORIAL_OPERAND_MAX = 34;

export const LEVEL_MIN = 0;
export const LEVEL_MAX = 9;
export const LEVEL_DEFAULT = 6;

const SRC_DST: RangeUse = { source: true, destination: true, auxiliary: 'no' };
const SRC_ONLY: RangeUse = { source: true, destination: false, auxiliary: 'no' };
const DST_ONLY: RangeUse = { source: false, destination: true, auxiliary: 'no' };
const SRC_AUX: RangeUse = { source: true, destination: false, auxiliary: 'yes' };
const SRC_DST_AAD: RangeUse = { source: true, destination: true, auxiliary: 'optional' };
const NOTHING: RangeUse = { source: false, destination: false, auxiliary: 'no' };

const IV = PARAMETER_IV_BYTES;
const IV_TAG = PARAMETER_TAG_OFFSET + PARAMETER_TAG_BYTES;

export const algorithmNames = [
  'nop',
  'copy',
  'fill',
  'compare',
  'crc32',
  'factorial',
  'deflate',
  'zlib',
  'gzip',
  'sha-256',
  'sha-512',
  'aes-256-gcm',
  'aes-256-cbc',
] as const;

export type AlgorithmName = (typeof algorithmNames)[number];

type Row = readonly [
  number: number,
  algorithm: AlgorithmName,
  ranges: RangeUse,
  session: SessionKind,
  parameterBytes: number,
  resultBytes: number,
];

const rows = {
  nop: [1, 'nop', NOTHING, 'none', 0, 0],
  copy: [2, 'copy', SRC_DST, 'none', 0, 0],
  fill: [3, 'fill', DST_ONLY, 'none', PARAMETER_PATTERN_BYTES, 0],
  compare: [4, 'compare', SRC_AUX, 'none', 0, 0],
  crc32: [5, 'crc32', SRC_ONLY, 'none', 0, 0],
  factorial: [6, 'factorial', NOTHING, 'none', PARAMETER_OPERAND_BYTES, 0],
  'deflate-compress': [16, 'deflate', SRC_DST, 'level', 0, 0],
  'deflate-decompress': [17, 'deflate', SRC_DST, 'level', 0, 0],
  'zlib-compress': [18, 'zlib', SRC_DST, 'level', 0, 0],
  'zlib-decompress': [19, 'zlib', SRC_DST, 'level', 0, 0],
  'gzip-compress': [20, 'gzip', SRC_DST, 'level', 0, 0],
  'gzip-decompress': [21, 'gzip', SRC_DST, 'level', 0, 0],
  'sha-256': [32, 'sha-256', SRC_DST, 'none', 0, 0],
  'sha-512': [33, 'sha-512', SRC_DST, 'none', 0, 0],
  'aes-256-gcm-encrypt': [48, 'aes-256-gcm', SRC_DST_AAD, 'key', IV, IV_TAG],
  'aes-256-gcm-decrypt': [49, 'aes-256-gcm', SRC_DST_AAD, 'key', IV_TAG, 0],
  'aes-256-cbc-encrypt': [50, 'aes-256-cbc', SRC_DST, 'key', IV, 0],
  'aes-256-cbc-decrypt': [51, 'aes-256-cbc', SRC_DST, 'key', IV, 0],
} as const satisfies Record<string, Row>;

export type OperationName = keyof typeof rows;

export const operations = Object.fromEntries(
  Object.entries(rows).map(([name, [number, algorithm, ranges, session, parameterBytes, resultBytes]]) => [
    name,
    { name, number, algorithm, ranges, session, parameterBytes, resultBytes },
  ]),
) as unknown as Readonly<Record<OperationName, Operation & { readonly name: OperationName }>>;

/** One more than the largest operation number: the size of tables by number. */
export const OPERATION_NUMBERS = 64;

/** Operations by their number; undefined where no operation has it. */
export const operationsByNumber: readonly (Operation | undefined)[] = (() => {
  const table: (Operation | undefined)[] = Array.from({ length: OPERATION_NUMBERS });
  for (const operation of Object.values(operations)) {
    assert(operation.number < OPERATION_NUMBERS, `${operation.name} fits the table`);
    assert(table[operation.number] === undefined, `${operation.name} has a number of its own`);
    table[operation.number] = operation;
  }
  return table;
})();

const sessionKinds: Readonly<Record<AlgorithmName, SessionKind>> = Object.fromEntries(
  Object.values(operations).map(({ algorithm, session }) => [algorithm, session]),
) as Record<AlgorithmName, SessionKind>;

/** What a session of an algorithm holds; 'none' if its requests need no session. */
export function sessionKind(algorithm: AlgorithmName): SessionKind {
  return sessionKinds[algorithm];
}

export function isAlgorithmName(text: string): text is AlgorithmName {
  return (algorithmNames as readonly string[]).includes(text);
}

/** An algorithm's number in tables of the engine: its place in `algorithmNames`. */
export function algorithmIndex(algorithm: AlgorithmName): number {
  return algorithmNames.indexOf(algorithm);
}

/** What a session holds, validated. */
export type SessionParameters =
  | { readonly algorithm: AlgorithmName; readonly kind: 'level'; readonly level: number }
  | { readonly algorithm: AlgorithmName; readonly kind: 'key'; readonly key: Buffer };

/**
 * The largest output that compressing `bytes` bytes can have, in any of the formats and with any backend:
 * stored blocks cost 5 bytes for each 16 KiB that zlib cuts at its worst, and the longest wrapper (gzip with a
 * plain header) 18; ISA-L asks for a little more.
 */
export function compressedBytesMax(bytes: number): number {
  return bytes + 5 * (Math.ceil(bytes / 16_383) + 1) + 64;
}

/** The length of CBC's output for `bytes` bytes of input: padded to the next whole block of 16 (PKCS #7). */
export function cbcEncryptedBytes(bytes: number): number {
  return bytes + 16 - (bytes % 16);
}
