// The bytes of a channel: what lies where in its memfd. docs/PROTOCOL.md explains it, and a test keeps the
// tables of that page equal to the ones here.
//
//      0 +------------------------+
//        | header, 4096 bytes     |  sizes and offsets (constant), then one cache line pair for each index
//   4096 +------------------------+
//        | request table          |  slots x 64 bytes: the request of each slot
//        +------------------------+
//        | parameter table        |  slots x 64 bytes: IV, tag and the like of each slot
//        +------------------------+
//        | submission ring        |  slots x 4 bytes: slot numbers
//        +------------------------+
//        | completion ring        |  slots x 32 bytes: completions
//        +------------------------+
//
// Parameters have a table of their own, so that the requests of slots that follow each other lie in lines that do.
// All numbers are little-endian. Indices are free-running unsigned 32-bit counters: the entry of index i is at
// i modulo the number of slots, and a difference of two indices is taken modulo 2^32.

import { assert } from '../assert.ts';
import { declareLayout, wordOf } from '../layout.ts';
import { CHANNEL_SLOTS_MAX, CHANNEL_SLOTS_MIN } from '../limits.ts';

/** 'WDCH' in ASCII, read as a little-endian number. */
const CHANNEL_MAGIC = 0x48434457;
const CHANNEL_VERSION = 1;

export const HEADER_BYTES = 4096;
const REQUEST_BYTES = 64;
export const REQUEST_WORDS = REQUEST_BYTES / 4;
export const PARAMETER_BYTES = 64;
export const PARAMETER_WORDS = PARAMETER_BYTES / 4;
const COMPLETION_BYTES = 32;
export const COMPLETION_WORDS = COMPLETION_BYTES / 4;

/**
 * Indices are 128 bytes apart and not 64: x86 fetches cache lines in pairs, and a pair that two processes
 * write would travel between their cores for nothing.
 */
export const headerLayout = declareLayout('header', HEADER_BYTES, {
  magic: [0x000, 4, 'engine', 'the bytes "WDCH"'],
  version: [0x004, 4, 'engine', 'version of this layout: 1'],
  totalBytes: [0x008, 4, 'engine', 'size of the memfd, bytes'],
  slots: [0x00c, 4, 'engine', 'number of slots, and of entries in each ring; a power of two'],
  requestTableOffset: [0x010, 4, 'engine', 'offset of the request table, bytes'],
  parameterTableOffset: [0x014, 4, 'engine', 'offset of the parameter table, bytes'],
  submissionRingOffset: [0x018, 4, 'engine', 'offset of the submission ring, bytes'],
  completionRingOffset: [0x01c, 4, 'engine', 'offset of the completion ring, bytes'],
  submissionTail: [0x080, 4, 'client', 'index after the last submitted entry'],
  submissionHead: [0x100, 4, 'engine', 'entries from this index on were not taken'],
  completionTail: [0x180, 4, 'engine', 'index after the last completion'],
  completionHead: [0x200, 4, 'client', 'index of the next completion that the client reaps'],
  engineNeedsWakeup: [0x280, 4, 'either', '1: the engine sleeps; whoever lowers it to 0 must ring'],
  clientNeedsWakeup: [0x300, 4, 'either', '1: the client sleeps; whoever lowers it to 0 must ring'],
  closed: [0x380, 4, 'engine', '0: open; otherwise the reason why the channel has ended (docs/ERRORS.md)'],
});

export const requestLayout = declareLayout('request', REQUEST_BYTES, {
  operation: [0, 4, 'client', 'number of the operation'],
  queue: [4, 4, 'client', 'number of the queue'],
  session: [8, 4, 'client', 'number of the session; 0 if the operation has none'],
  flags: [12, 4, 'client', '0, or 1: the client gives the request up'],
  cookieLow: [16, 4, 'client', "the client's own, returned in the completion"],
  cookieHigh: [20, 4, 'client', "the client's own, returned in the completion"],
  sourceRegion: [24, 4, 'client', 'region of the input'],
  sourceOffset: [28, 4, 'client', 'offset of the input in its region, bytes'],
  sourceBytes: [32, 4, 'client', 'length of the input, bytes'],
  destinationRegion: [36, 4, 'client', 'region of the output'],
  destinationOffset: [40, 4, 'client', 'offset of the output in its region, bytes'],
  destinationBytes: [44, 4, 'client', 'room for the output, bytes'],
  auxiliaryRegion: [48, 4, 'client', 'region of the second input'],
  auxiliaryOffset: [52, 4, 'client', 'offset of the second input in its region, bytes'],
  auxiliaryBytes: [56, 4, 'client', 'length of the second input, bytes; 0 if there is none'],
  reserved: [60, 4, 'client', '0'],
});

export const completionLayout = declareLayout('completion', COMPLETION_BYTES, {
  slot: [0, 4, 'engine', 'number of the slot that completed; the client owns it again'],
  status: [4, 4, 'engine', '0: done; otherwise an error number (docs/ERRORS.md)'],
  cookieLow: [8, 4, 'engine', "the request's"],
  cookieHigh: [12, 4, 'engine', "the request's"],
  produced: [16, 4, 'engine', 'bytes written to the destination; compare: offset of the first difference'],
  result: [
    20,
    4,
    'engine',
    'crc32: the checksum; compare: 0 equal, 1 different; with the status INTERRUPTED: 0 has not run, 1 may have run',
  ],
  deviceNanos: [24, 4, 'engine', 'device time that the request took, nanoseconds, at most 2^32 - 1'],
  reserved: [28, 4, 'engine', '0'],
});

/** In `flags`: given up. May be set after the request was submitted: it counts if the engine has not taken it yet. */
export const FLAG_CANCEL = 1;

/** What `result` says of a request that is INTERRUPTED. */
export const RAN_NO = 0;
export const RAN_MAYBE = 1;

const W_MAGIC = wordOf(headerLayout, 'magic');
const W_VERSION = wordOf(headerLayout, 'version');
const W_TOTAL_BYTES = wordOf(headerLayout, 'totalBytes');
export const W_SLOTS = wordOf(headerLayout, 'slots');
const W_REQUEST_TABLE = wordOf(headerLayout, 'requestTableOffset');
const W_PARAMETER_TABLE = wordOf(headerLayout, 'parameterTableOffset');
const W_SUBMISSION_RING = wordOf(headerLayout, 'submissionRingOffset');
const W_COMPLETION_RING = wordOf(headerLayout, 'completionRingOffset');
export const W_SUBMISSION_TAIL = wordOf(headerLayout, 'submissionTail');
export const W_SUBMISSION_HEAD = wordOf(headerLayout, 'submissionHead');
export const W_COMPLETION_TAIL = wordOf(headerLayout, 'completionTail');
export const W_COMPLETION_HEAD = wordOf(headerLayout, 'completionHead');
export const W_ENGINE_NEEDS_WAKEUP = wordOf(headerLayout, 'engineNeedsWakeup');
export const W_CLIENT_NEEDS_WAKEUP = wordOf(headerLayout, 'clientNeedsWakeup');
export const W_CLOSED = wordOf(headerLayout, 'closed');

export const R_OPERATION = wordOf(requestLayout, 'operation');
export const R_QUEUE = wordOf(requestLayout, 'queue');
export const R_SESSION = wordOf(requestLayout, 'session');
export const R_FLAGS = wordOf(requestLayout, 'flags');
export const R_COOKIE_LOW = wordOf(requestLayout, 'cookieLow');
export const R_COOKIE_HIGH = wordOf(requestLayout, 'cookieHigh');
export const R_SOURCE_REGION = wordOf(requestLayout, 'sourceRegion');
export const R_SOURCE_BYTES = wordOf(requestLayout, 'sourceBytes');
export const R_DESTINATION_REGION = wordOf(requestLayout, 'destinationRegion');
export const R_DESTINATION_BYTES = wordOf(requestLayout, 'destinationBytes');
export const R_AUXILIARY_REGION = wordOf(requestLayout, 'auxiliaryRegion');
export const R_RESERVED = wordOf(requestLayout, 'reserved');

export const C_SLOT = wordOf(completionLayout, 'slot');
export const C_STATUS = wordOf(completionLayout, 'status');
export const C_COOKIE_LOW = wordOf(completionLayout, 'cookieLow');
export const C_COOKIE_HIGH = wordOf(completionLayout, 'cookieHigh');
export const C_PRODUCED = wordOf(completionLayout, 'produced');
export const C_RESULT = wordOf(completionLayout, 'result');
export const C_DEVICE_NANOS = wordOf(completionLayout, 'deviceNanos');

/** Where the parts of a channel with a given number of slots lie; in bytes, but for `slots`. */
export interface ChannelGeometry {
  readonly slots: number;
  readonly requestTableOffset: number;
  readonly parameterTableOffset: number;
  readonly submissionRingOffset: number;
  readonly completionRingOffset: number;
  readonly totalBytes: number;
}

export function isSlotCount(slots: number): boolean {
  const isPowerOfTwo = Number.isInteger(slots) && (slots & (slots - 1)) === 0;
  return isPowerOfTwo && slots >= CHANNEL_SLOTS_MIN && slots <= CHANNEL_SLOTS_MAX;
}

export function channelGeometry(slots: number): ChannelGeometry {
  assert(isSlotCount(slots), `${slots} slots: a power of two, ${CHANNEL_SLOTS_MIN} to ${CHANNEL_SLOTS_MAX}`);
  const requestTableOffset = HEADER_BYTES;
  const parameterTableOffset = requestTableOffset + slots * REQUEST_BYTES;
  const submissionRingOffset = parameterTableOffset + slots * PARAMETER_BYTES;
  // The rings begin on a cache line pair of their own: their writers differ.
  const completionRingOffset = roundUp(submissionRingOffset + slots * 4, 128);
  const totalBytes = roundUp(completionRingOffset + slots * COMPLETION_BYTES, 4096);
  return {
    slots,
    requestTableOffset,
    parameterTableOffset,
    submissionRingOffset,
    completionRingOffset,
    totalBytes,
  };
}

/** Writes the constant part of the header into a fresh (all zero) channel. */
export function formatChannel(words: Int32Array, geometry: ChannelGeometry): void {
  assert(words.byteLength === geometry.totalBytes, 'the view covers the channel');
  words[W_MAGIC] = CHANNEL_MAGIC;
  words[W_VERSION] = CHANNEL_VERSION;
  words[W_TOTAL_BYTES] = geometry.totalBytes;
  words[W_SLOTS] = geometry.slots;
  words[W_REQUEST_TABLE] = geometry.requestTableOffset;
  words[W_PARAMETER_TABLE] = geometry.parameterTableOffset;
  words[W_SUBMISSION_RING] = geometry.submissionRingOffset;
  words[W_COMPLETION_RING] = geometry.completionRingOffset;
}

/** Reads the header of a channel that was handed to us; the reason if it isn't one that we can use. */
export function readGeometry(words: Int32Array): ChannelGeometry | string {
  if (words[W_MAGIC] !== CHANNEL_MAGIC) return 'the magic number is wrong';
  if (words[W_VERSION] !== CHANNEL_VERSION) {
    return `the layout has version ${words[W_VERSION]}, this side speaks ${CHANNEL_VERSION}`;
  }
  const slots = words[W_SLOTS] ?? 0;
  if (!isSlotCount(slots)) return `${slots} slots`;
  const geometry = channelGeometry(slots);
  const isAsDeclared =
    words[W_TOTAL_BYTES] === geometry.totalBytes &&
    words[W_REQUEST_TABLE] === geometry.requestTableOffset &&
    words[W_PARAMETER_TABLE] === geometry.parameterTableOffset &&
    words[W_SUBMISSION_RING] === geometry.submissionRingOffset &&
    words[W_COMPLETION_RING] === geometry.completionRingOffset &&
    words.byteLength === geometry.totalBytes;
  return isAsDeclared ? geometry : 'sizes and offsets do not fit the number of slots';
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
