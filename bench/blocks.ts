// The data of the compression and crypto figures: blocks of the node binary, taken all over it.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Requests in flight at once. */
export const IN_FLIGHT = 16;

export const GZIP_LEVEL = 1;

/** Enough blocks that they don't stay in the processor's caches from one time to the next. */
const SAMPLE_BYTES = 8 * 1024 * 1024;

/** Blocks of one size; each is memory of its own. */
export function readBlocks(blockBytes: number): Buffer[] {
  const fd = openSync(process.execPath, 'r');
  try {
    const blocks = Math.floor(SAMPLE_BYTES / blockBytes);
    const stride = Math.floor((fstatSync(fd).size - blockBytes) / blocks);
    return Array.from({ length: blocks }, (_, index) => {
      const block = Buffer.alloc(blockBytes);
      readSync(fd, block, 0, blockBytes, index * stride);
      return block;
    });
  } finally {
    closeSync(fd);
  }
}
