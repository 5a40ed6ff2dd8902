// gunzip by node:zlib, for what no device takes: several members without lengths, members larger than a request, and
// whatever a device refused. What this finds corrupt is corrupt.

import { createGunzip, type Gunzip } from 'node:zlib';
import { asWarpError, WarpError } from '../../shared/errors.ts';

const OPERATION = 'gunzip';
const OUTPUT_BYTES = 64 * 1024;

/**
 * Inflates members until the source ends. Zeros after the last member are padding, as gzip(1) has it. Throws
 * CORRUPT_INPUT for anything else, and what the source throws.
 */
export async function* inflate(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: OUTPUT_BYTES });
  // Read in one place below; without a listener it would be thrown at the process as well.
  gunzip.on('error', () => {});
  const iterator = source[Symbol.asyncIterator]();
  const feeding = feed(iterator, gunzip);
  feeding.catch((error: Error) => gunzip.destroy(error));
  try {
    for await (const piece of gunzip) yield piece as Buffer;
  } catch (error) {
    if (error instanceof WarpError) throw error;
    throw corrupt(error instanceof Error ? error.message : undefined, error);
  } finally {
    gunzip.destroy();
  }
  const unread = await feeding;
  checkPadding(unread);
  if (unread.length > 0) await skipPadding({ [Symbol.asyncIterator]: () => iterator });
}

/** Reads to the end of the source. Throws CORRUPT_INPUT unless it is all zeros. */
export async function skipPadding(source: AsyncIterable<Buffer>): Promise<void> {
  for await (const piece of source) checkPadding(piece);
}

/** Writes one piece after the other, until node:zlib wants no more. Returns what it left of the last one. */
async function feed(source: AsyncIterator<Buffer>, gunzip: Gunzip): Promise<Buffer> {
  let fedBytes = 0;
  const closed = new Promise<void>((resolve) => {
    gunzip.once('close', resolve);
  });
  for (;;) {
    const { done, value } = await next(source);
    if (done === true) break;
    fedBytes += value.length;
    const taken = new Promise<void>((resolve) => {
      gunzip.write(value, () => resolve());
    });
    await Promise.race([taken, closed]);
    const leftBytes = fedBytes - gunzip.bytesWritten;
    if (leftBytes > 0 || gunzip.destroyed) return value.subarray(value.length - leftBytes);
  }
  gunzip.end();
  return Buffer.alloc(0);
}

/** The next piece; what the source throws is a WarpError, to be told apart from what node:zlib throws. */
async function next(source: AsyncIterator<Buffer>): Promise<IteratorResult<Buffer, undefined>> {
  try {
    return await source.next();
  } catch (error) {
    throw asWarpError(error, OPERATION);
  }
}

function checkPadding(bytes: Buffer): void {
  if (bytes.some((byte) => byte !== 0)) throw corrupt('there is something else after the last member');
}

export function corrupt(found: string | undefined, cause?: unknown): WarpError {
  return new WarpError('CORRUPT_INPUT', { operation: OPERATION, found, cause });
}
