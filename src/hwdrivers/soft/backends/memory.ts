// Operations that work on shared memory in place: moving, filling, comparing, and sums over it. They take each
// byte as they find it, so that a client that writes meanwhile gets a result of no meaning and does no harm.

import { hash } from 'node:crypto';
import { crc32 as nodeCrc32 } from 'node:zlib';
import { errorNumber } from '../../../shared/errors.ts';
import { FACTORIAL_OPERAND_MAX, PARAMETER_PATTERN_BYTES } from '../../../shared/operations.ts';
import { nativeCrc32 } from '../native.ts';
import type { Handler } from './job.ts';
import type { BackendOption } from './plan.ts';

const OUTPUT_TOO_SMALL = errorNumber('OUTPUT_TOO_SMALL');
const BAD_LENGTH = errorNumber('BAD_LENGTH');

/** `compare` finds the piece with the difference by memcmp(3) and looks at each byte of that one alone. */
const COMPARE_BYTES = 4096;

/** Ranges of one region may overlap: it behaves like memmove(3). */
export const copy: Handler = ({ source, destination }, outcome) => {
  if (destination.length < source.length) {
    outcome.status = OUTPUT_TOO_SMALL;
    return;
  }
  destination.set(source);
  outcome.produced = source.length;
};

export const fill: Handler = ({ destination, parameters }, outcome) => {
  if (destination.length > 0) destination.fill(parameters.subarray(0, PARAMETER_PATTERN_BYTES));
  outcome.produced = destination.length;
};

export const compare: Handler = ({ source, auxiliary }, outcome) => {
  if (source.length !== auxiliary.length) {
    outcome.status = BAD_LENGTH;
    return;
  }
  outcome.produced = firstDifference(source, auxiliary);
  outcome.result = outcome.produced === source.length ? 0 : 1;
};

function firstDifference(left: Buffer, right: Buffer): number {
  const bytes = left.length;
  for (let start = 0; start < bytes; start += COMPARE_BYTES) {
    const end = Math.min(start + COMPARE_BYTES, bytes);
    if (left.compare(right, start, end, start, end) === 0) continue;
    for (let at = start; at < end; at++) if (left[at] !== right[at]) return at;
  }
  return bytes;
}

/**
 * node:zlib's is as fast as the others, and their calls cost more than the sum over a small range. So 'auto'
 * means node here.
 */
export function crc32With(option: BackendOption): Handler {
  const sum = crc32Functions[option];
  return ({ source }, outcome) => {
    outcome.result = sum(source);
  };
}

const crc32Functions: Readonly<Record<BackendOption, (bytes: Buffer) => number>> = {
  auto: (bytes) => nodeCrc32(bytes),
  node: (bytes) => nodeCrc32(bytes),
  libisal: (bytes) => nativeCrc32('crc32_gzip_refl', bytes),
  libdeflate: (bytes) => nativeCrc32('libdeflate_crc32', bytes),
};

/** Modulo 2^32, so 0 from the number on whose factorial has 32 factors of 2. */
export const factorial: Handler = ({ parameters }, outcome) => {
  const operand = parameters.readUInt32LE(0);
  outcome.result = operand >= FACTORIAL_OPERAND_MAX ? 0 : factorialOf(operand);
};

function factorialOf(operand: number): number {
  let product = 1;
  for (let factor = 2; factor <= operand; factor++) product = Math.imul(product, factor);
  return product >>> 0;
}

export function digest(algorithm: 'sha256' | 'sha512', digestBytes: number): Handler {
  return ({ source, destination }, outcome) => {
    if (destination.length < digestBytes) {
      outcome.status = OUTPUT_TOO_SMALL;
      return;
    }
    destination.set(hash(algorithm, source, 'buffer'));
    outcome.produced = digestBytes;
  };
}
