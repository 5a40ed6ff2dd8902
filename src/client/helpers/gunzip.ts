// gunzip: members that say how long they are go to devices side by side; what no device takes is done here.
//
//     parts --in order--> device: inflated ............ yield
//                         refused, or not for it ...... from here on node:zlib, to the end of the file

import { constants } from 'node:buffer';
import { type ErrorCode, WarpError } from '../../shared/errors.ts';
import { LEVEL_DEFAULT } from '../../shared/operations.ts';
import type { Connection } from '../connection.ts';
import { inOrder } from './in-order.ts';
import { corrupt, inflate, skipPadding } from './inflate.ts';
import { cutMembers, type Part } from './members.ts';
import { type HelperResult, joinPieces, LOCAL, type Piece, sourceOf } from './piece.ts';
import { isCode, runnerOf } from './runner.ts';
import { HelperStream } from './stream.ts';

export interface GunzipOptions {
  /** The largest output that is wanted, bytes: what is larger is given up as OUTPUT_TOO_SMALL. 4 GiB by default. */
  readonly outputBytesMax?: number;
}

/** Members under way for one call or stream. */
const IN_FLIGHT_MAX = 16;

/** What a device says of a member that node:zlib may still take: its length or ISIZE lied, or it is several. */
const refusals: ReadonlySet<ErrorCode> = new Set(['CORRUPT_INPUT', 'OUTPUT_TOO_SMALL']);

/** Decompresses `data`, which must not be changed until this resolves. Throws CORRUPT_INPUT. */
export async function gunzip(
  connection: Connection,
  data: Uint8Array,
  { outputBytesMax = constants.MAX_LENGTH }: GunzipOptions = {},
): Promise<HelperResult> {
  const pieces: Piece[] = [];
  let bytes = 0;
  for await (const piece of decompress(connection, sourceOf(data))) {
    bytes += piece.data.length;
    if (bytes > outputBytesMax) throw tooLarge(outputBytesMax);
    pieces.push(piece);
  }
  return joinPieces(pieces);
}

/** A stream that decompresses what is written to it. Corrupt input ends it with CORRUPT_INPUT. */
export function createGunzip(connection: Connection): HelperStream {
  return new HelperStream('gunzip', (source) => decompress(connection, source));
}

interface Inflated {
  readonly part: Part;
  /** undefined: no device has inflated it. */
  readonly piece: Piece | undefined;
}

async function* decompress(connection: Connection, source: AsyncIterable<Buffer>): AsyncGenerator<Piece> {
  const onDevice = await deviceInflater(connection);
  let isLocal = false;
  const results = inOrder(cutMembers(source), IN_FLIGHT_MAX, async (part): Promise<Inflated> => {
    return { part, piece: isLocal ? undefined : await onDevice(part) };
  });
  let count = 0;
  try {
    for (let next = await results.next(); next.done !== true; next = await results.next()) {
      const { part, piece } = next.value;
      if (piece === undefined) {
        isLocal = true;
        yield* decompressRest(restOf(part, results), count > 0 && part.bytes[0] === 0);
        return;
      }
      count += 1;
      yield piece;
    }
    if (count === 0) throw corrupt('there is no data at all');
  } finally {
    // Not awaited: it may wait for input, which comes no more when the stream learns of this error.
    void results.return(undefined);
  }
}

/** What to do with a part: inflated, or undefined where node:zlib has to look at it. */
async function deviceInflater(connection: Connection): Promise<(part: Part) => Promise<Piece | undefined>> {
  const runner = runnerOf(connection);
  const queue = await runner.queue('gzip');
  if (queue === undefined) return async () => undefined;
  const session = await runner.levelSession(queue, LEVEL_DEFAULT);
  return async ({ bytes, inflatedBytes }) => {
    if (inflatedBytes === undefined || !runner.fits(queue, bytes.length, inflatedBytes)) return undefined;
    try {
      return await runner.run(queue, {
        operation: 'gzip-decompress',
        input: bytes,
        outputBytes: inflatedBytes,
        session,
        read: (output) => ({ data: Buffer.from(output), device: queue.device }),
      });
    } catch (error) {
      if (isCode(error, refusals)) return undefined;
      throw error;
    }
  };
}

/** The bytes of this part and all that follow. */
async function* restOf(first: Part, following: AsyncGenerator<Inflated>): AsyncGenerator<Buffer> {
  yield first.bytes;
  for (;;) {
    const { done, value } = await following.next();
    if (done === true) return;
    yield value.part.bytes;
  }
}

async function* decompressRest(rest: AsyncGenerator<Buffer>, isPadding: boolean): AsyncGenerator<Piece> {
  if (isPadding) {
    await skipPadding(rest);
    return;
  }
  // Says where it runs even if nothing comes of it.
  yield { data: Buffer.alloc(0), device: LOCAL };
  for await (const data of inflate(rest)) yield { data, device: LOCAL };
}

function tooLarge(outputBytesMax: number): WarpError {
  return new WarpError('OUTPUT_TOO_SMALL', {
    operation: 'gunzip',
    found: `the data inflates to more than ${outputBytesMax} bytes`,
    hint: 'raise outputBytesMax, or use createGunzip, which needs no memory for the whole output',
  });
}
