// node:zlib's own way to use several cores: asynchronous gzip at level 1 on libuv's pool, 16 calls in flight.
// Arguments: bytes of a block.

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { GZIP_LEVEL, IN_FLIGHT, readBlocks } from '../blocks.ts';
import { keepInFlight } from '../lanes.ts';
import { serveTurns } from '../turns.ts';

const gzipAsync = promisify(gzip);
const blocks = readBlocks(Number(process.argv[2]));

await serveTurns(async (millis) => {
  const rate = await keepInFlight(IN_FLIGHT, millis, async (_, index) => {
    const block = blocks[index % blocks.length];
    await gzipAsync(block ?? '', { level: GZIP_LEVEL });
    return block?.length ?? 0;
  });
  return { rate };
});
