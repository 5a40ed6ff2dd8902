// The library that a soft worker compresses with, called in a loop by a process that does nothing else: what one core
// can do. Argument: bytes of a block.

import { IsalCodec } from '../../src/hwdrivers/soft/backends/libisal.ts';
import { Scratch } from '../../src/hwdrivers/soft/backends/scratch.ts';
import { requireLibrary } from '../../src/hwdrivers/soft/native.ts';
import { GZIP_LEVEL, readBlocks } from '../blocks.ts';
import { serveTurns } from '../turns.ts';

const blockBytes = Number(process.argv[2]);
const blocks = readBlocks(blockBytes);
requireLibrary('libisal');
const scratch = new Scratch(2 * blockBytes);
const codec = new IsalCodec(scratch);

await serveTurns((millis) => {
  const before = performance.now();
  let bytes = 0;
  let elapsedMillis = 0;
  while (elapsedMillis < millis) {
    for (const block of blocks) {
      scratch.load(block);
      codec.compress('gzip', GZIP_LEVEL, block.length);
      bytes += block.length;
    }
    elapsedMillis = performance.now() - before;
  }
  return { rate: (bytes / elapsedMillis) * 1e3 };
});
