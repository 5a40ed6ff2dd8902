// The compression libraries of the host, by FFI: their files, signatures and structs are here and nowhere else in
// the driver, since a wrong type or offset doesn't throw, it crashes.
//
// A call costs about 5 us plus 0.4 us for each argument, so a request makes one. A NativeCall is made once and
// used for ever: its arguments are integers (addresses too), changed in place. The libraries keep no pointer of
// ours after a call.

import { DataType, type FieldType, load, open } from 'ffi-rs';
import { WarpError } from '../../shared/errors.ts';
import { declareLayout } from '../../shared/layout.ts';
import '../../sys/libc.ts'; // refuses worker threads, in which the FFI library is not safe

export type NativeLibrary = 'libisal' | 'libdeflate';

interface LibraryFile {
  /** With the number of the ABI that the tables below describe. */
  readonly file: string;
  readonly debianPackage: string;
}

const files: Readonly<Record<NativeLibrary, LibraryFile>> = {
  libisal: { file: 'libisal.so.2', debianPackage: 'libisal2' },
  libdeflate: { file: 'libdeflate.so.0', debianPackage: 'libdeflate0' },
};

const { I32, I64, U32, U8Array: BYTES } = DataType;

/** <isa-l/igzip_lib.h>, <isa-l/crc.h>, <libdeflate.h>; a pointer or size_t is an I64. */
const signatures = {
  isal_deflate_stateless: ['libisal', I32, [I64]],
  isal_deflate_stateless_init: ['libisal', I32, [I64]],
  isal_inflate_stateless: ['libisal', I32, [I64]],
  crc32_gzip_refl: ['libisal', U32, [U32, BYTES, I64]],
  libdeflate_alloc_compressor: ['libdeflate', I64, [I32]],
  libdeflate_free_compressor: ['libdeflate', I32, [I64]],
  libdeflate_alloc_decompressor: ['libdeflate', I64, []],
  libdeflate_free_decompressor: ['libdeflate', I32, [I64]],
  libdeflate_deflate_compress: ['libdeflate', I64, [I64, I64, I64, I64, I64]],
  libdeflate_zlib_compress: ['libdeflate', I64, [I64, I64, I64, I64, I64]],
  libdeflate_gzip_compress: ['libdeflate', I64, [I64, I64, I64, I64, I64]],
  libdeflate_deflate_decompress_ex: ['libdeflate', I32, [I64, I64, I64, I64, I64, I64, I64]],
  libdeflate_zlib_decompress_ex: ['libdeflate', I32, [I64, I64, I64, I64, I64, I64, I64]],
  libdeflate_gzip_decompress_ex: ['libdeflate', I32, [I64, I64, I64, I64, I64, I64, I64]],
  libdeflate_crc32: ['libdeflate', U32, [U32, BYTES, I64]],
} as const satisfies Record<string, readonly [NativeLibrary, FieldType, readonly FieldType[]]>;

export type NativeFunction = keyof typeof signatures;

const opened = new Map<NativeLibrary, boolean>();

/** Whether the host has the library; opens it at the first question. */
export function hasLibrary(library: NativeLibrary): boolean {
  const known = opened.get(library);
  if (known !== undefined) return known;
  const isThere = tryOpen(library);
  opened.set(library, isThere);
  return isThere;
}

function tryOpen(library: NativeLibrary): boolean {
  try {
    open({ library, path: files[library].file });
    return true;
  } catch {
    return false; // the loader says no more than that it didn't find it
  }
}

/** Throws CONFIG_INVALID, naming the package to install, where the host lacks a library that must be used. */
export function requireLibrary(library: NativeLibrary): void {
  if (hasLibrary(library)) return;
  const { file, debianPackage } = files[library];
  throw new WarpError('CONFIG_INVALID', {
    operation: `use the backend "${library}" for the soft device`,
    found: `${file} can't be loaded on this host`,
    hint: `install it ("apt install ${debianPackage}" on Debian and Ubuntu), or set the backend to "auto"`,
  });
}

export interface NativeCall {
  /** The arguments, to be changed in place. */
  readonly values: number[];
  run(): number;
}

/** A call of a function of the table, with room for its arguments. Its library must be there. */
export function nativeCall(funcName: NativeFunction, ...values: readonly number[]): NativeCall {
  const [library, retType, paramsType] = signatures[funcName];
  const paramsValue = paramsType.map((_, index) => values[index] ?? 0);
  const call = { library, funcName, retType, paramsType: [...paramsType], paramsValue };
  return { values: paramsValue, run: () => load(call) };
}

/** The CRC-32 of a Buffer, in place. The address of each Buffer is new, which makes this call a slow one. */
export function nativeCrc32(funcName: 'crc32_gzip_refl' | 'libdeflate_crc32', bytes: Buffer): number {
  const [library, retType, paramsType] = signatures[funcName];
  const paramsValue = [0, bytes, bytes.length];
  return load({ library, funcName, retType, paramsType: [...paramsType], paramsValue });
}

/** struct isal_zstream, <isa-l/igzip_lib.h>; of its inner state only what one call leaves behind for the next. */
export const isalZstreamLayout = declareLayout('isal_zstream', 82_384, {
  next_in: [0, 8, 'either', 'address of the input'],
  avail_in: [8, 4, 'either', 'bytes of it'],
  total_in: [12, 4, 'either', 'bytes read'],
  next_out: [16, 8, 'either', 'address of the output'],
  avail_out: [24, 4, 'either', 'room there, bytes'],
  total_out: [28, 4, 'either', 'bytes written'],
  hufftables: [32, 8, 'either', 'tables of level 0'],
  level: [40, 4, 'either', '0 to 3'],
  level_buf_size: [44, 4, 'either', 'bytes of level_buf'],
  level_buf: [48, 8, 'either', 'working memory of levels 1 to 3'],
  end_of_stream: [56, 2, 'either', '1: this is the last input'],
  flush: [58, 2, 'either', 'NO_FLUSH'],
  gzip_flag: [60, 2, 'either', 'one of isalFormats'],
  hist_bits: [62, 2, 'either', 'window, 0 is 32 KiB'],
  'internal_state.has_wrap_hdr': [132, 1, 'either', 'whether the gzip or zlib header was written'],
  'internal_state.count': [140, 4, 'either', 'bytes of a header that were written'],
});

/** struct inflate_state, <isa-l/igzip_lib.h>. isal_inflate_stateless() resets the rest itself. */
export const isalInflateLayout = declareLayout('inflate_state', 87_368, {
  next_out: [0, 8, 'either', 'address of the output'],
  avail_out: [8, 4, 'either', 'room there, bytes'],
  total_out: [12, 4, 'either', 'bytes written'],
  next_in: [16, 8, 'either', 'address of the input'],
  read_in: [24, 8, 'either', 'bits read ahead'],
  avail_in: [32, 4, 'either', 'bytes of input not read'],
  read_in_length: [36, 4, 'either', 'number of bits read ahead'],
  block_state: [21_160, 4, 'either', 'where in a block it stands'],
  crc_flag: [21_172, 4, 'either', 'one of isalFormats'],
  crc: [21_176, 4, 'either', 'checksum of the output'],
  hist_bits: [21_180, 4, 'either', 'window, 0 is 32 KiB'],
});

/** IGZIP_DEFLATE, IGZIP_GZIP, IGZIP_ZLIB, which are ISAL_DEFLATE, ISAL_GZIP, ISAL_ZLIB too. */
export const isalFormats = { deflate: 0, gzip: 1, zlib: 3 } as const;

/** ISAL_DEF_LVL3_DEFAULT: working memory that is enough for every level, bytes. */
export const ISAL_LEVEL_BUFFER_BYTES = 348_160;

/** COMP_OK and ISAL_DECOMP_OK */
export const ISAL_OK = 0;
/** ISAL_OUT_OVERFLOW: the output doesn't fit. */
export const ISAL_OUT_OVERFLOW = 2;

/** enum libdeflate_result, <libdeflate.h> */
export const LIBDEFLATE_SUCCESS = 0;
export const LIBDEFLATE_INSUFFICIENT_SPACE = 3;
