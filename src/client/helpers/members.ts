// gzip members that can be cut without inflating them, RFC 1952. Each member that we write carries its own length in
// an extra field, as BGZF's do:
//
//     0    1f 8b 08 04 | mtime x 4 | xfl | os       a plain header, but for the flag FEXTRA
//     10   08 00                                    length of the extra field
//     12   'W' 'D' 04 00 | member length, u32       our subfield; the length counts from byte 0 to the last of ISIZE
//     20   deflate data | CRC32 | ISIZE             as everywhere
//
// The length is a hint and never believed: what is cut by it has to be exactly one valid member, by its checksum, or
// it isn't used.

import { assert } from '../../shared/assert.ts';
import { compressedBytesMax } from '../../shared/operations.ts';
import { ByteQueue } from './byte-queue.ts';

/** The range of block sizes that writers may choose from: no member of ours inflates to more than the largest. */
export const BLOCK_BYTES_MIN = 4 * 1024;
export const BLOCK_BYTES_MAX = 512 * 1024;

const PLAIN_HEADER_BYTES = 10;
const HEADER_BYTES = 20;
const TRAILER_BYTES = 8;
const FLAGS_AT = 3;
const FEXTRA = 1 << 2;
const LENGTH_AT = 16;

/** Bytes 10 to 15: the extra field's length, our subfield's two identifying bytes and its length. */
const EXTRA_START = Buffer.from([8, 0, 0x57, 0x44, 4, 0]);
const MAGIC = Buffer.from([0x1f, 0x8b, 8]);

const MEMBER_BYTES_MIN = HEADER_BYTES + 2 + TRAILER_BYTES;
const MEMBER_BYTES_MAX = compressedBytesMax(BLOCK_BYTES_MAX) + HEADER_BYTES;

/** How much of a foreign member is collected in order to give it to a device at once. */
const FOREIGN_BYTES_MAX = 2 * 1024 * 1024;
/** Deflate makes at most 258 bytes of 2 bits (zlib's "Maximum Compression Factor"): a larger ISIZE is a lie. */
const EXPANSION_MAX = 1032;

/** A copy of a member with our subfield in its header. A member whose header isn't plain is copied as it is. */
export function withLength(member: Buffer): Buffer {
  assert(member.subarray(0, 3).equals(MAGIC), 'a device writes gzip members');
  if (member[FLAGS_AT] !== 0) return Buffer.from(member);
  const bytes = member.length + HEADER_BYTES - PLAIN_HEADER_BYTES;
  const copy = Buffer.allocUnsafeSlow(bytes);
  member.copy(copy, 0, 0, PLAIN_HEADER_BYTES);
  copy[FLAGS_AT] = FEXTRA;
  EXTRA_START.copy(copy, PLAIN_HEADER_BYTES);
  copy.writeUInt32LE(bytes, LENGTH_AT);
  member.copy(copy, HEADER_BYTES, PLAIN_HEADER_BYTES);
  return copy;
}

/** A part of a gzip file. The parts of a file, one after the other, are the file, byte for byte. */
export interface Part {
  readonly bytes: Buffer;
  /** If it looks like one member that a device can take: to how many bytes it says that it inflates. */
  readonly inflatedBytes: number | undefined;
}

/** Cuts a gzip file into members as far as they say how long they are. From the first that doesn't, it is not cut. */
export async function* cutMembers(source: AsyncIterable<Buffer>): AsyncGenerator<Part> {
  const iterator = source[Symbol.asyncIterator]();
  const queue = new ByteQueue();
  let isEnd = false;
  const fill = async (bytes: number): Promise<void> => {
    while (!isEnd && queue.bytes < bytes) {
      const { done, value } = await iterator.next();
      if (done === true) isEnd = true;
      else queue.push(value);
    }
  };
  for (;;) {
    await fill(HEADER_BYTES);
    if (queue.bytes === 0) return;
    const bytes = queue.bytes < HEADER_BYTES ? undefined : memberLength(queue.peek(HEADER_BYTES));
    if (bytes !== undefined) await fill(bytes);
    if (bytes === undefined || queue.bytes < bytes) break;
    const member = queue.take(bytes);
    const inflatedBytes = member.readUInt32LE(bytes - 4);
    yield { bytes: member, inflatedBytes: inflatedBytes <= BLOCK_BYTES_MAX ? inflatedBytes : undefined };
  }
  await fill(FOREIGN_BYTES_MAX + 1);
  yield foreignPart(queue.take(queue.bytes), isEnd);
  for (;;) {
    await fill(1);
    if (queue.bytes === 0) return;
    yield { bytes: queue.take(queue.bytes), inflatedBytes: undefined };
  }
}

/** The length that a header of ours names; undefined if it is none of ours. */
function memberLength(header: Buffer): number | undefined {
  const isOurs =
    header.subarray(0, 3).equals(MAGIC) &&
    header[FLAGS_AT] === FEXTRA &&
    header.subarray(PLAIN_HEADER_BYTES, LENGTH_AT).equals(EXTRA_START);
  const bytes = header.readUInt32LE(LENGTH_AT);
  return isOurs && bytes >= MEMBER_BYTES_MIN && bytes <= MEMBER_BYTES_MAX ? bytes : undefined;
}

/** What somebody else wrote: one member, perhaps, if it is all there. */
function foreignPart(bytes: Buffer, isWhole: boolean): Part {
  const isMember =
    isWhole && bytes.length <= FOREIGN_BYTES_MAX && bytes.length > PLAIN_HEADER_BYTES + TRAILER_BYTES;
  const inflatedBytes = isMember ? bytes.readUInt32LE(bytes.length - 4) : undefined;
  const isPossible = inflatedBytes !== undefined && inflatedBytes <= bytes.length * EXPANSION_MAX;
  return { bytes, inflatedBytes: isPossible ? inflatedBytes : undefined };
}
