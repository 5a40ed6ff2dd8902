// Hashes of data that is all there.

import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { WarpError } from '../../shared/errors.ts';
import type { Connection } from '../connection.ts';
import { type HelperResult, LOCAL } from './piece.ts';
import { runnerOf } from './runner.ts';

const hashes = {
  'sha-256': { digestBytes: 32, nodeName: 'sha256' },
  'sha-512': { digestBytes: 64, nodeName: 'sha512' },
} as const;

export type HashAlgorithm = keyof typeof hashes;

/** What is hashed here without a turn of the event loop in between: about a millisecond's worth. */
const TURN_BYTES = 1024 * 1024;

/** The digest of `data`, which must not be changed until this resolves. */
export async function hash(
  connection: Connection,
  algorithm: HashAlgorithm,
  data: Uint8Array,
): Promise<HelperResult> {
  if (!Object.hasOwn(hashes, algorithm)) {
    throw new WarpError('INVALID_ARGUMENT', {
      operation: 'hash',
      found: `the algorithm is "${algorithm}"`,
      hint: `use one of ${Object.keys(hashes).join(', ')}`,
    });
  }
  const { digestBytes } = hashes[algorithm];
  const runner = runnerOf(connection);
  const queue = await runner.queue(algorithm);
  if (queue === undefined || !runner.fits(queue, data.length, digestBytes))
    return { data: await hashLocally(algorithm, data), device: LOCAL };
  return runner.run(queue, {
    operation: algorithm,
    input: data,
    outputBytes: digestBytes,
    read: (output) => ({ data: Buffer.from(output), device: queue.device }),
  });
}

async function hashLocally(algorithm: HashAlgorithm, data: Uint8Array): Promise<Buffer> {
  const state = createHash(hashes[algorithm].nodeName);
  for (let at = 0; at < data.length; at += TURN_BYTES) {
    state.update(data.subarray(at, at + TURN_BYTES));
    await nextTurn();
  }
  return state.digest();
}
