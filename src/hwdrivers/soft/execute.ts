// The computing core of the soft device: one request at a time, done by the CPU.
//
// Its caller validates requests (operation, level, key length, ranges) and owns the memory; what is found wrong in
// the data ends as a status. Anything thrown is a bug of ours, on which the worker process dies and is replaced.

import { errorNumber } from '../../shared/errors.ts';
import { operations, type OperationName } from '../../shared/operations.ts';
import { cipherHandlers } from './backends/ciphers.ts';
import type { BackendName, Handler, Job, Outcome } from './backends/job.ts';
import { compare, copy, crc32With, digest, factorial, fill } from './backends/memory.ts';
import type { BackendOption } from './backends/plan.ts';
import { Scratch } from './backends/scratch.ts';
import { Streams } from './backends/streams.ts';

export type { BackendName, Job, Outcome } from './backends/job.ts';
export type { BackendOption } from './backends/plan.ts';

export interface ExecutorOptions {
  /** A library to use for all that it can do, with node for the rest; 'auto' takes the best for each request. */
  readonly backend: BackendOption;
  /** The largest source, auxiliary input and decompressed output, bytes. */
  readonly requestBytesMax: number;
}

const TOO_LARGE = errorNumber('TOO_LARGE');

export class Executor {
  /** Which library serves each operation (compression: at the default level and 64 KiB), for people to read. */
  readonly backends: ReadonlyMap<OperationName, BackendName>;
  readonly #requestBytesMax: number;
  readonly #scratch: Scratch;
  readonly #streams: Streams;
  readonly #handlers: Readonly<Record<OperationName, Handler>>;

  /** Throws CONFIG_INVALID if `backend` is a library that the host lacks. */
  constructor({ backend, requestBytesMax }: ExecutorOptions) {
    this.#requestBytesMax = requestBytesMax;
    this.#scratch = new Scratch(requestBytesMax);
    try {
      this.#streams = new Streams(backend, this.#scratch);
    } catch (error) {
      this.#scratch.close();
      throw error;
    }
    this.#handlers = handlerTable(backend, this.#streams, this.#scratch);
    this.backends = backendTable(backend, this.#streams);
  }

  /** Does one request. The outcome is overwritten, whatever it held. */
  execute(job: Job, outcome: Outcome): void {
    outcome.status = 0;
    outcome.produced = 0;
    outcome.result = 0;
    if (job.source.length > this.#requestBytesMax || job.auxiliary.length > this.#requestBytesMax) {
      outcome.status = TOO_LARGE;
      return;
    }
    this.#handlers[job.operation](job, outcome);
    this.#scratch.trim();
  }

  /** Gives its memory back. */
  close(): void {
    this.#streams.close();
    this.#scratch.close();
  }
}

function handlerTable(
  backend: BackendOption,
  streams: Streams,
  scratch: Scratch,
): Readonly<Record<OperationName, Handler>> {
  const ciphers = cipherHandlers(scratch);
  return {
    nop: () => {},
    copy,
    fill,
    compare,
    crc32: crc32With(backend),
    factorial,
    'deflate-compress': streams.compressor('deflate'),
    'deflate-decompress': streams.decompressor('deflate'),
    'zlib-compress': streams.compressor('zlib'),
    'zlib-decompress': streams.decompressor('zlib'),
    'gzip-compress': streams.compressor('gzip'),
    'gzip-decompress': streams.decompressor('gzip'),
    'sha-256': digest('sha256', 32),
    'sha-512': digest('sha512', 64),
    'aes-256-gcm-encrypt': ciphers.gcmEncrypt,
    'aes-256-gcm-decrypt': ciphers.gcmDecrypt,
    'aes-256-cbc-encrypt': ciphers.cbcEncrypt,
    'aes-256-cbc-decrypt': ciphers.cbcDecrypt,
  };
}

function backendTable(backend: BackendOption, streams: Streams): ReadonlyMap<OperationName, BackendName> {
  const names = Object.values(operations).map(({ name }) => name);
  return new Map(
    names.map((name) => {
      if (name.endsWith('-compress')) return [name, streams.usualCompressor];
      if (name.endsWith('-decompress')) return [name, streams.usualDecompressor];
      if (name === 'crc32' && backend !== 'auto') return [name, backend];
      return [name, 'node'];
    }),
  );
}
