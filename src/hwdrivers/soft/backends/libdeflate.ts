// libdeflate: whole buffers only, twice zlib's speed at the same size. It has a compressor object for each level
// (32 KiB to 9 MiB), made when the level is first asked for.

import { assert, present } from '../../../shared/assert.ts';
import { compressedBytesMax } from '../../../shared/operations.ts';
import {
  LIBDEFLATE_INSUFFICIENT_SPACE,
  LIBDEFLATE_SUCCESS,
  type NativeCall,
  type NativeFunction,
  nativeCall,
} from '../native.ts';
import { type Codec, DOES_NOT_FIT, IS_CORRUPT, type StreamFormat } from './codec.ts';
import { GuardedMemory, type Scratch } from './scratch.ts';

const compressFunctions = {
  deflate: 'libdeflate_deflate_compress',
  zlib: 'libdeflate_zlib_compress',
  gzip: 'libdeflate_gzip_compress',
} as const satisfies Record<StreamFormat, NativeFunction>;

const decompressFunctions = {
  deflate: 'libdeflate_deflate_decompress_ex',
  zlib: 'libdeflate_zlib_decompress_ex',
  gzip: 'libdeflate_gzip_decompress_ex',
} as const satisfies Record<StreamFormat, NativeFunction>;

/** Where in `#lengths` the library writes, as size_t: bytes of input read, bytes of output written. */
const READ_OFFSET = 0;
const WRITTEN_OFFSET = 8;
const LENGTHS_BYTES = 16;

/** Places of the arguments that change from call to call; both signatures begin alike. */
const COMPRESSOR_ARGUMENT = 0;
const INPUT_BYTES_ARGUMENT = 2;
const CAPACITY_ARGUMENT = 4;

const STORED = 0;

export class LibdeflateCodec implements Codec {
  readonly #compressors: (number | undefined)[] = [];
  readonly #decompressor = allocated(nativeCall('libdeflate_alloc_decompressor').run());
  readonly #lengths = new GuardedMemory('warpdrive-libdeflate-lengths', LENGTHS_BYTES);
  readonly #compressCalls: Readonly<Record<StreamFormat, NativeCall>>;
  readonly #decompressCalls: Readonly<Record<StreamFormat, NativeCall>>;

  constructor(scratch: Scratch) {
    const compress = (format: StreamFormat): NativeCall =>
      nativeCall(compressFunctions[format], 0, scratch.input.address, 0, scratch.output.address, 0);
    const read = this.#lengths.address + READ_OFFSET;
    const written = this.#lengths.address + WRITTEN_OFFSET;
    const ends = [scratch.input.address, 0, scratch.output.address, 0, read, written] as const;
    const decompress = (format: StreamFormat): NativeCall =>
      nativeCall(decompressFunctions[format], this.#decompressor, ...ends);
    this.#compressCalls = forEachFormat(compress);
    this.#decompressCalls = forEachFormat(decompress);
  }

  compress(format: StreamFormat, level: number, bytes: number): number {
    const produced = this.#run(format, level, bytes);
    if (produced !== 0) return produced;
    // It cuts blocks finer than zlib: hostile data could come out larger than the bound that we promise.
    const stored = this.#run(format, STORED, bytes);
    assert(stored !== 0, 'stored blocks are within the bound');
    return stored;
  }

  #run(format: StreamFormat, level: number, bytes: number): number {
    const call = this.#compressCalls[format];
    call.values[COMPRESSOR_ARGUMENT] = this.#compressor(level);
    call.values[INPUT_BYTES_ARGUMENT] = bytes;
    call.values[CAPACITY_ARGUMENT] = compressedBytesMax(bytes);
    return call.run();
  }

  #compressor(level: number): number {
    return (this.#compressors[level] ??= allocated(nativeCall('libdeflate_alloc_compressor', level).run()));
  }

  decompress(format: StreamFormat, bytes: number, capacity: number): number {
    const call = this.#decompressCalls[format];
    call.values[INPUT_BYTES_ARGUMENT] = bytes;
    call.values[CAPACITY_ARGUMENT] = capacity;
    const answer = call.run();
    if (answer === LIBDEFLATE_INSUFFICIENT_SPACE) return DOES_NOT_FIT;
    if (answer !== LIBDEFLATE_SUCCESS) return IS_CORRUPT;
    // Lengths are below 2^32: the low half of a size_t is all of it.
    if (this.#lengths.buffer.readUInt32LE(READ_OFFSET) !== bytes) return IS_CORRUPT;
    return this.#lengths.buffer.readUInt32LE(WRITTEN_OFFSET);
  }

  close(): void {
    for (const compressor of this.#compressors) {
      if (compressor !== undefined) nativeCall('libdeflate_free_compressor', compressor).run();
    }
    this.#compressors.length = 0;
    nativeCall('libdeflate_free_decompressor', this.#decompressor).run();
    this.#lengths.close();
  }
}

function forEachFormat(make: (format: StreamFormat) => NativeCall): Record<StreamFormat, NativeCall> {
  return { deflate: make('deflate'), zlib: make('zlib'), gzip: make('gzip') };
}

function allocated(pointer: number): number {
  return present(pointer === 0 ? undefined : pointer, 'memory of libdeflate');
}
