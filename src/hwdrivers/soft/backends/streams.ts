// Compression and decompression: from shared memory into private, through a library, and back if it fits.

import { errorNumber } from '../../../shared/errors.ts';
import { LEVEL_DEFAULT } from '../../../shared/operations.ts';
import { type Codec, IS_CORRUPT, type StreamFormat } from './codec.ts';
import type { BackendName, Handler, Job, Outcome } from './job.ts';
import { LibdeflateCodec } from './libdeflate.ts';
import { IsalCodec } from './libisal.ts';
import { NodeCodec } from './node-zlib.ts';
import { type BackendOption, Plan } from './plan.ts';
import type { Scratch } from './scratch.ts';

const OUTPUT_TOO_SMALL = errorNumber('OUTPUT_TOO_SMALL');
const CORRUPT_INPUT = errorNumber('CORRUPT_INPUT');
const TOO_LARGE = errorNumber('TOO_LARGE');

/** The size of input that the report of the backends speaks of. */
const USUAL_BYTES = 64 * 1024;

export class Streams {
  readonly #plan: Plan;
  readonly #scratch: Scratch;
  readonly #codecs = new Map<BackendName, Codec>();

  /** Throws CONFIG_INVALID if `option` is a library that the host lacks. */
  constructor(option: BackendOption, scratch: Scratch) {
    this.#plan = new Plan(option);
    this.#scratch = scratch;
  }

  compressor(format: StreamFormat): Handler {
    return (job, outcome) => this.#compress(format, job, outcome);
  }

  decompressor(format: StreamFormat): Handler {
    return (job, outcome) => this.#decompress(format, job, outcome);
  }

  /** Who compresses at the default level. */
  get usualCompressor(): BackendName {
    return this.#plan.compression(LEVEL_DEFAULT).backend;
  }

  /** Who decompresses large requests. */
  get usualDecompressor(): BackendName {
    return this.#plan.decompression(USUAL_BYTES);
  }

  close(): void {
    for (const codec of this.#codecs.values()) codec.close();
    this.#codecs.clear();
  }

  /** With room for the whole bound, since some libraries give up before a tight output is full. */
  #compress(format: StreamFormat, { level, source, destination }: Job, outcome: Outcome): void {
    const bytes = source.length;
    this.#scratch.load(source);
    const choice = this.#plan.compression(level);
    const produced = this.#codec(choice.backend).compress(format, choice.level, bytes);
    if (produced <= destination.length) {
      this.#deliver(produced, destination, outcome);
      return;
    }
    this.#scratch.discard(produced);
    outcome.status = OUTPUT_TOO_SMALL;
  }

  #decompress(format: StreamFormat, { source, destination }: Job, outcome: Outcome): void {
    const bytes = source.length;
    const capacity = Math.min(destination.length, this.#scratch.requestBytesMax);
    this.#scratch.load(source);
    const produced = this.#codec(this.#plan.decompression(bytes)).decompress(format, bytes, capacity);
    if (produced >= 0) {
      this.#deliver(produced, destination, outcome);
      return;
    }
    this.#scratch.discard(capacity);
    if (produced === IS_CORRUPT) outcome.status = CORRUPT_INPUT;
    else outcome.status = capacity < destination.length ? TOO_LARGE : OUTPUT_TOO_SMALL;
  }

  #deliver(produced: number, destination: Buffer, outcome: Outcome): void {
    this.#scratch.unload(produced, destination);
    outcome.produced = produced;
  }

  #codec(name: BackendName): Codec {
    const known = this.#codecs.get(name);
    if (known !== undefined) return known;
    const made = this.#make(name);
    this.#codecs.set(name, made);
    return made;
  }

  #make(name: BackendName): Codec {
    if (name === 'libisal') return new IsalCodec(this.#scratch);
    if (name === 'libdeflate') return new LibdeflateCodec(this.#scratch);
    return new NodeCodec(this.#scratch);
  }
}
