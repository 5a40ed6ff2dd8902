// gzip: data is cut into blocks, which devices compress side by side into members of one gzip file.

import { promisify } from 'node:util';
import { gzip as zlibGzip } from 'node:zlib';
import { WarpError } from '../../shared/errors.ts';
import { compressedBytesMax, LEVEL_DEFAULT, LEVEL_MAX, LEVEL_MIN } from '../../shared/operations.ts';
import type { Connection } from '../connection.ts';
import { cutBlocks } from './byte-queue.ts';
import { inOrder } from './in-order.ts';
import { BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, withLength } from './members.ts';
import { type HelperResult, joinPieces, LOCAL, type Piece, sourceOf } from './piece.ts';
import { runnerOf } from './runner.ts';
import { HelperStream } from './stream.ts';

export interface GzipOptions {
  /** 0 (stored) to 9 (smallest); 6 by default. */
  readonly level?: number;
}

export interface GzipStreamOptions extends GzipOptions {
  /** How much goes into one member, bytes: 4 KiB to 512 KiB, 256 KiB by default. */
  readonly blockBytes?: number;
}

/**
 * Larger blocks keep a device busier and lose fewer bytes to headers and to dictionaries that begin empty; smaller
 * ones spread a short input over more hardware queues. docs/SDK.md has the measurement.
 */
const BLOCK_BYTES_DEFAULT = 256 * 1024;

/** Blocks under way for one call or stream: enough to keep several hardware queues busy. */
const IN_FLIGHT_MAX = 16;

const gzipLocally = promisify(zlibGzip);

/** Compresses `data`, which must not be changed until this resolves. */
export async function gzip(
  connection: Connection,
  data: Uint8Array,
  options: GzipOptions = {},
): Promise<HelperResult> {
  const pieces: Piece[] = [];
  for await (const piece of compress(connection, sourceOf(data), checked(options))) pieces.push(piece);
  return joinPieces(pieces);
}

/** A stream that compresses what is written to it. */
export function createGzip(connection: Connection, options: GzipStreamOptions = {}): HelperStream {
  const settings = checked(options);
  return new HelperStream('gzip', (source) => compress(connection, source, settings));
}

type Settings = Required<GzipStreamOptions>;

async function* compress(
  connection: Connection,
  source: AsyncIterable<Buffer>,
  { level, blockBytes }: Settings,
): AsyncGenerator<Piece> {
  const runner = runnerOf(connection);
  const queue = await runner.queue('gzip');
  const fitting = queue === undefined ? blockBytes : fittingBlock(blockBytes, queue.requestBytesMax);
  const session =
    queue === undefined || fitting < BLOCK_BYTES_MIN ? undefined : await runner.levelSession(queue, level);
  yield* inOrder(
    cutBlocks(source, session === undefined ? blockBytes : fitting),
    IN_FLIGHT_MAX,
    async (input): Promise<Piece> => {
      if (queue === undefined || session === undefined)
        return { data: withLength(await gzipLocally(input, { level })), device: LOCAL };
      return runner.run(queue, {
        operation: 'gzip-compress',
        input,
        outputBytes: compressedBytesMax(input.length),
        session,
        read: (output) => ({ data: withLength(output), device: queue.device }),
      });
    },
  );
}

/** The block size, or the largest whose output is sure to fit a request of `requestBytesMax` bytes. */
function fittingBlock(blockBytes: number, requestBytesMax: number): number {
  const overheadBytes = compressedBytesMax(blockBytes) - blockBytes;
  return Math.min(blockBytes, requestBytesMax - overheadBytes);
}

function checked({ level = LEVEL_DEFAULT, blockBytes = BLOCK_BYTES_DEFAULT }: GzipStreamOptions): Settings {
  checkWithin('level', level, LEVEL_MIN, LEVEL_MAX);
  checkWithin('blockBytes', blockBytes, BLOCK_BYTES_MIN, BLOCK_BYTES_MAX);
  return { level, blockBytes };
}

function checkWithin(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new WarpError('INVALID_ARGUMENT', {
    operation: 'gzip',
    found: `${name} is ${value}`,
    hint: `give a whole number from ${min} to ${max}`,
  });
}
