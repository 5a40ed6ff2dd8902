// ISA-L's igzip: the fastest there is at low levels; it knows levels 1 to 3 (its level 0 isn't zlib's "stored").
//
// The structs live as long as the codec. Before each call only those fields are written that the call before has
// changed; the test "leave nothing behind" holds this to a struct that is new each time.

import { assert } from '../../../shared/assert.ts';
import { compressedBytesMax } from '../../../shared/operations.ts';
import {
  ISAL_LEVEL_BUFFER_BYTES,
  ISAL_OK,
  ISAL_OUT_OVERFLOW,
  isalFormats,
  isalInflateLayout,
  isalZstreamLayout,
  type NativeCall,
  nativeCall,
} from '../native.ts';
import { type Codec, DOES_NOT_FIT, IS_CORRUPT, type StreamFormat } from './codec.ts';
import { GuardedMemory, type Scratch } from './scratch.ts';

export const ISAL_LEVEL_MIN = 1;
export const ISAL_LEVEL_MAX = 3;

const zstream = isalZstreamLayout.fields;
const inflate = isalInflateLayout.fields;

export class IsalCodec implements Codec {
  readonly #inputAddress: bigint;
  readonly #outputAddress: bigint;
  readonly #zstream = new GuardedMemory('warpdrive-isal-zstream', isalZstreamLayout.bytes);
  readonly #levelBuffer = new GuardedMemory('warpdrive-isal-level', ISAL_LEVEL_BUFFER_BYTES);
  readonly #inflateState = new GuardedMemory('warpdrive-isal-inflate', isalInflateLayout.bytes);
  readonly #deflateCall: NativeCall;
  readonly #inflateCall: NativeCall;

  constructor(scratch: Scratch) {
    this.#inputAddress = BigInt(scratch.input.address);
    this.#outputAddress = BigInt(scratch.output.address);
    this.#deflateCall = nativeCall('isal_deflate_stateless', this.#zstream.address);
    this.#inflateCall = nativeCall('isal_inflate_stateless', this.#inflateState.address);
    nativeCall('isal_deflate_stateless_init', this.#zstream.address).run();
    const state = this.#zstream.buffer;
    state.writeBigUInt64LE(BigInt(this.#levelBuffer.address), zstream.level_buf.offset);
    state.writeUInt32LE(ISAL_LEVEL_BUFFER_BYTES, zstream.level_buf_size.offset);
    state.writeUInt16LE(1, zstream.end_of_stream.offset);
  }

  compress(format: StreamFormat, level: number, bytes: number): number {
    assert(level >= ISAL_LEVEL_MIN && level <= ISAL_LEVEL_MAX, `ISA-L has a level ${level}`);
    const state = this.#zstream.buffer;
    state.writeBigUInt64LE(this.#inputAddress, zstream.next_in.offset);
    state.writeUInt32LE(bytes, zstream.avail_in.offset);
    state.writeUInt32LE(0, zstream.total_in.offset);
    state.writeBigUInt64LE(this.#outputAddress, zstream.next_out.offset);
    state.writeUInt32LE(compressedBytesMax(bytes), zstream.avail_out.offset);
    state.writeUInt32LE(0, zstream.total_out.offset);
    state.writeUInt32LE(level, zstream.level.offset);
    state.writeUInt16LE(isalFormats[format], zstream.gzip_flag.offset);
    state.writeUInt8(0, zstream['internal_state.has_wrap_hdr'].offset);
    state.writeUInt32LE(0, zstream['internal_state.count'].offset);
    const answer = this.#deflateCall.run();
    assert(answer === ISAL_OK, `isal_deflate_stateless answers ${answer} with room enough`);
    return state.readUInt32LE(zstream.total_out.offset);
  }

  decompress(format: StreamFormat, bytes: number, capacity: number): number {
    const state = this.#inflateState.buffer;
    state.writeBigUInt64LE(this.#outputAddress, inflate.next_out.offset);
    state.writeUInt32LE(capacity, inflate.avail_out.offset);
    state.writeBigUInt64LE(this.#inputAddress, inflate.next_in.offset);
    state.writeUInt32LE(bytes, inflate.avail_in.offset);
    state.writeUInt32LE(isalFormats[format], inflate.crc_flag.offset);
    const answer = this.#inflateCall.run();
    if (answer === ISAL_OUT_OVERFLOW) return DOES_NOT_FIT;
    if (answer !== ISAL_OK) return IS_CORRUPT;
    if (state.readUInt32LE(inflate.avail_in.offset) !== 0) return IS_CORRUPT;
    return capacity - state.readUInt32LE(inflate.avail_out.offset);
  }

  close(): void {
    this.#zstream.close();
    this.#levelBuffer.close();
    this.#inflateState.close();
  }
}
