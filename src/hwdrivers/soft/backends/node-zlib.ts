// node:zlib, which every host has. Each call makes a new stream object: this is the fallback, not the fast path.

import { isNativeError } from 'node:util/types';
import {
  crc32,
  deflateRawSync,
  deflateSync,
  gzipSync,
  inflateRawSync,
  inflateSync,
  type ZlibOptions,
} from 'node:zlib';
import { assert } from '../../../shared/assert.ts';
import { compressedBytesMax } from '../../../shared/operations.ts';
import { type Codec, DOES_NOT_FIT, IS_CORRUPT, type StreamFormat } from './codec.ts';
import { gzipHeaderBytes, GZIP_TRAILER_BYTES } from './gzip.ts';
import type { Scratch } from './scratch.ts';

const compressors = { deflate: deflateRawSync, zlib: deflateSync, gzip: gzipSync } as const;

/** node:zlib collects its output in pieces of this size, which it allocates; it takes no smaller ones than 64. */
const CHUNK_BYTES_MIN = 64;
const CHUNK_BYTES_MAX = 128 * 1024;

/** What node:zlib throws where the fault is the data's: broken, truncated, and in need of a dictionary. */
const DATA_ERRORS: ReadonlySet<unknown> = new Set(['Z_DATA_ERROR', 'Z_BUF_ERROR', 'Z_NEED_DICT']);

/** With the option `info`, what the synchronous calls answer; their types don't say so. */
interface Inflated {
  readonly buffer: Buffer;
  /** `bytesWritten`: bytes of the input that were used. */
  readonly engine: { readonly bytesWritten: number };
}

export class NodeCodec implements Codec {
  readonly #scratch: Scratch;

  constructor(scratch: Scratch) {
    this.#scratch = scratch;
  }

  compress(format: StreamFormat, level: number, bytes: number): number {
    const chunkSize = chunkBytes(compressedBytesMax(bytes));
    return this.#put(compressors[format](this.#scratch.loaded(bytes), { level, chunkSize }));
  }

  decompress(format: StreamFormat, bytes: number, capacity: number): number {
    const input = this.#scratch.loaded(bytes);
    try {
      return format === 'gzip' ? this.#gunzip(input, capacity) : this.#inflate(format, input, capacity);
    } catch (error) {
      const code = isNativeError(error) && 'code' in error ? error.code : undefined;
      if (code === 'ERR_BUFFER_TOO_LARGE') return DOES_NOT_FIT;
      if (DATA_ERRORS.has(code)) return IS_CORRUPT;
      throw error;
    }
  }

  close(): void {
    // It owns nothing.
  }

  #inflate(format: 'deflate' | 'zlib', input: Buffer, capacity: number): number {
    const { buffer, engine } = inflateWithInfo(format, input, capacity);
    if (engine.bytesWritten !== input.length) return IS_CORRUPT;
    return buffer.length > capacity ? DOES_NOT_FIT : this.#put(buffer);
  }

  /** By hand, since gunzipSync() goes on with a second member and ignores what comes after zeros. */
  #gunzip(input: Buffer, capacity: number): number {
    const headerBytes = gzipHeaderBytes(input);
    if (headerBytes === undefined) return IS_CORRUPT;
    const { buffer, engine } = inflateWithInfo('deflate', input.subarray(headerBytes), capacity);
    const trailer = headerBytes + engine.bytesWritten;
    if (trailer + GZIP_TRAILER_BYTES !== input.length) return IS_CORRUPT;
    if (input.readUInt32LE(trailer) !== crc32(buffer)) return IS_CORRUPT;
    if (input.readUInt32LE(trailer + 4) !== buffer.length) return IS_CORRUPT;
    return buffer.length > capacity ? DOES_NOT_FIT : this.#put(buffer);
  }

  #put(produced: Buffer): number {
    assert(produced.length <= this.#scratch.output.bytes, 'node:zlib keeps to the bound');
    this.#scratch.output.buffer.set(produced);
    return produced.length;
  }
}

function inflateWithInfo(format: 'deflate' | 'zlib', input: Buffer, capacity: number): Inflated {
  const inflate = format === 'zlib' ? inflateSync : inflateRawSync;
  const options: ZlibOptions & { info: true } = {
    info: true,
    maxOutputLength: Math.max(1, capacity), // it takes no 0: the callers look again
    chunkSize: chunkBytes(capacity),
  };
  return inflate(input, options) as unknown as Inflated;
}

function chunkBytes(expected: number): number {
  return Math.min(Math.max(expected, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX);
}
