// The wrapper of a gzip member, RFC 1952 section 2.3.
//
//     | 1f 8b | 08 | FLG | MTIME x 4 | XFL | OS | [extra] [name\0] [comment\0] [crc16] | deflate | CRC32 | ISIZE |

import { crc32 } from 'node:zlib';

const MAGIC = 0x8b1f;
const METHOD_DEFLATE = 8;
const PLAIN_HEADER_BYTES = 10;
export const GZIP_TRAILER_BYTES = 8;

// FLG
const FHCRC = 1 << 1;
const FEXTRA = 1 << 2;
const FNAME = 1 << 3;
const FCOMMENT = 1 << 4;
const RESERVED = 0b1110_0000;

/** The length of the header that a member begins with; undefined if it is none, or cut. */
export function gzipHeaderBytes(member: Buffer): number | undefined {
  if (member.length < PLAIN_HEADER_BYTES || member.readUInt16LE(0) !== MAGIC) return undefined;
  const flags = member.readUInt8(3);
  if (member.readUInt8(2) !== METHOD_DEFLATE || (flags & RESERVED) !== 0) return undefined;
  let end: number | undefined = PLAIN_HEADER_BYTES;
  if ((flags & FEXTRA) !== 0) end = afterExtra(member, end);
  if ((flags & FNAME) !== 0) end = afterText(member, end);
  if ((flags & FCOMMENT) !== 0) end = afterText(member, end);
  if ((flags & FHCRC) !== 0) end = afterChecksum(member, end);
  return end !== undefined && end <= member.length ? end : undefined;
}

function afterExtra(member: Buffer, start: number): number | undefined {
  return start + 2 <= member.length ? start + 2 + member.readUInt16LE(start) : undefined;
}

function afterText(member: Buffer, start: number | undefined): number | undefined {
  if (start === undefined) return undefined;
  const end = member.indexOf(0, Math.min(start, member.length));
  return end === -1 ? undefined : end + 1;
}

function afterChecksum(member: Buffer, start: number | undefined): number | undefined {
  if (start === undefined || start + 2 > member.length) return undefined;
  const isRight = member.readUInt16LE(start) === (crc32(member.subarray(0, start)) & 0xffff);
  return isRight ? start + 2 : undefined;
}
