// One compression library, as the soft device sees it: whole streams, from private memory to private memory.

export type StreamFormat = 'deflate' | 'zlib' | 'gzip';

export const streamFormats: readonly StreamFormat[] = ['deflate', 'zlib', 'gzip'];

/** Answers of `decompress` that are not a length. */
export const DOES_NOT_FIT = -1;
export const IS_CORRUPT = -2;

/**
 * Works on the Scratch that it was made with. gzip is always written with the plain header of 10 bytes: the SDK
 * joins and splits members and relies on it.
 */
export interface Codec {
  /**
   * Compresses the first `bytes` bytes of the input into the output. `level` is the library's own. Answers the
   * bytes produced, at most compressedBytesMax(bytes).
   */
  compress(format: StreamFormat, level: number, bytes: number): number;

  /**
   * Decompresses the first `bytes` bytes of the input, which must be exactly one stream, into at most `capacity`
   * bytes of the output. Answers the bytes produced, DOES_NOT_FIT or IS_CORRUPT.
   */
  decompress(format: StreamFormat, bytes: number, capacity: number): number;

  close(): void;
}
