// node:crypto in one process, called synchronously in a loop: what one core can do.
// Arguments: operation, bytes of a block.

import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { readBlocks } from '../blocks.ts';
import { serveTurns } from '../turns.ts';

const [operation = '', blockBytes = ''] = process.argv.slice(2);
const blocks = readBlocks(Number(blockBytes));
const key = randomBytes(32);
const iv = Buffer.alloc(12);
let sealed = 0;

const loops: Readonly<Record<string, (block: Buffer) => void>> = {
  'sha-256': (block) => void createHash('sha256').update(block).digest(),
  'aes-256-gcm-encrypt': (block) => {
    iv.writeUInt32LE(sealed++);
    const cipher = createCipheriv('aes-256-gcm', key, iv);
    cipher.update(block);
    cipher.final();
    cipher.getAuthTag();
  },
};
const run = loops[operation];
if (run === undefined) throw new Error(`no loop for the operation "${operation}"`);

await serveTurns((millis) => {
  const before = performance.now();
  let bytes = 0;
  let elapsedMillis = 0;
  while (elapsedMillis < millis) {
    for (const block of blocks) {
      run(block);
      bytes += block.length;
    }
    elapsedMillis = performance.now() - before;
  }
  return { rate: (bytes / elapsedMillis) * 1e3 };
});
