// Requests for the executor, and data to feed it.

import { readdirSync, readFileSync } from 'node:fs';
import { type BackendOption, Executor, type Job, type Outcome } from '../../../src/hwdrivers/soft/execute.ts';
import { hasLibrary } from '../../../src/hwdrivers/soft/native.ts';
import { type ErrorCode, errorCode } from '../../../src/shared/errors.ts';

export const MIB = 1024 * 1024;
const PARAMETER_AREA_BYTES = 64;
const NOTHING = Buffer.alloc(0);

/** What this host can be asked for. In CI all of it must be there: native.test.ts sees to that. */
export const backendsHere: readonly BackendOption[] = [
  'auto',
  'node',
  ...(['libisal', 'libdeflate'] as const).filter((library) => hasLibrary(library)),
];

export interface Result {
  readonly status: 'OK' | ErrorCode;
  readonly produced: number;
  readonly result: number;
  /** The destination, as far as it was produced. */
  readonly output: Buffer;
  readonly parameters: Buffer;
}

/** Does one request. What isn't given is empty; outcomes of earlier requests are put in the way. */
export function run(executor: Executor, request: Pick<Job, 'operation'> & Partial<Job>): Result {
  const job: Job = {
    level: 6,
    key: undefined,
    source: NOTHING,
    auxiliary: NOTHING,
    destination: NOTHING,
    parameters: Buffer.alloc(PARAMETER_AREA_BYTES),
    ...request,
  };
  const outcome: Outcome = { status: 99, produced: 99, result: 99 };
  executor.execute(job, outcome);
  const { status, produced, result } = outcome;
  const output = job.destination.subarray(0, produced);
  return {
    status: status === 0 ? 'OK' : errorCode(status),
    produced,
    result,
    output,
    parameters: job.parameters,
  };
}

/** Lends an executor, and takes it back whatever happens. */
export function withExecutor(backend: BackendOption, work: (executor: Executor) => void): void {
  const executor = new Executor({ backend, requestBytesMax: 2 * MIB });
  try {
    work(executor);
  } finally {
    executor.close();
  }
}

/** Bytes that look random and are the same in every run (Numerical Recipes' 32-bit generator). */
export function noise(bytes: number, seed = 1): Buffer {
  const buffer = Buffer.alloc(bytes);
  let state = seed;
  for (let at = 0; at < bytes; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    buffer[at] = state >>> 24;
  }
  return buffer;
}

/** Text with a number in each line, so that it compresses as logs do. */
export function text(bytes: number): Buffer {
  const lines: string[] = [];
  for (let line = 0, length = 0; length < bytes; line++) {
    const next = `line ${line} of the log: queue ${(line * 7919) % 997} served ${line % 13} requests\n`;
    lines.push(next);
    length += next.length;
  }
  return Buffer.from(lines.join('')).subarray(0, bytes);
}

/** Machine code: from the beginning of this Node. */
export function machineCode(bytes: number): Buffer {
  return nodeBinary().subarray(MIB, MIB + bytes);
}

/** Blocks of 64 KiB from all over the first 16 MiB of this Node. */
export function machineCodeSamples(): Buffer {
  const starts = Array.from({ length: 16 }, (_, index) => index * MIB);
  return Buffer.concat(starts.map((start) => nodeBinary().subarray(start, start + 65_536)));
}

let binary: Buffer | undefined;

function nodeBinary(): Buffer {
  return (binary ??= readFileSync(process.execPath).subarray(0, 16 * MIB));
}

/** Text that people wrote: our own sources. */
export function programText(): Buffer {
  const folder = new URL('../../../src/', import.meta.url);
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  return Buffer.concat(names.map((name) => readFileSync(new URL(name, folder))));
}
