// A Node stream around a helper that takes and yields pieces.
//
//     write() --> one chunk on offer --> convert() --> push()
//                 taken when wanted                    waits when the reader has enough
//
// `convert` runs only as far as its output is read, and a chunk is accepted only when `convert` asks for it: so the
// memory in flight is what `convert` has under way, however fast the writer and slow the reader.

import { Transform, type TransformCallback } from 'node:stream';
import { asWarpError, WarpError } from '../../shared/errors.ts';
import { joinPlaces, type Piece } from './piece.ts';

interface Offer {
  /** undefined: that was all. */
  readonly chunk: Buffer | undefined;
  readonly accept: () => void;
}

const READABLE_BYTES = 256 * 1024;

export class HelperStream extends Transform {
  readonly #operation: string;
  readonly #places = new Set<string>();
  #offer: Offer | undefined = undefined;
  /** The converter waits for an offer. */
  #asked: { resolve(offer: Offer): void; reject(error: WarpError): void } | undefined = undefined;
  /** The converter waits for the reader. */
  #resume: (() => void) | undefined = undefined;
  /** Settles when the converter has ended and has nothing under way. */
  readonly #converted: Promise<void>;

  /** For the helpers only. */
  constructor(operation: string, convert: (source: AsyncIterable<Buffer>) => AsyncIterable<Piece>) {
    super({ readableHighWaterMark: READABLE_BYTES });
    this.#operation = operation;
    this.#converted = this.#convert(convert);
  }

  /** Where the output was made so far: the name of a device, 'local', or 'soft0+local'. */
  get device(): string {
    return joinPlaces(this.#places);
  }

  async #convert(convert: (source: AsyncIterable<Buffer>) => AsyncIterable<Piece>): Promise<void> {
    // Not before the constructor is done.
    await Promise.resolve();
    try {
      for await (const { data, device } of convert(this.#source())) {
        if (this.destroyed) return;
        this.#places.add(device);
        if (data.length > 0 && !this.push(data)) await this.#drained();
      }
    } catch (error) {
      // Not awaited: 'close' waits for this function.
      this.destroy(asWarpError(error, this.#operation));
    }
  }

  #drained(): Promise<void> {
    // A reader may destroy the stream at the very data that filled it.
    if (this.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  async *#source(): AsyncGenerator<Buffer> {
    for (;;) {
      const { chunk, accept } = await this.#nextOffer();
      if (chunk === undefined) return;
      accept();
      yield chunk;
    }
  }

  #nextOffer(): Promise<Offer> {
    if (this.destroyed) return Promise.reject(this.#abandoned());
    const offer = this.#offer;
    this.#offer = undefined;
    if (offer !== undefined) return Promise.resolve(offer);
    return new Promise((resolve, reject) => {
      this.#asked = { resolve, reject };
    });
  }

  #makeOffer(offer: Offer): void {
    const asked = this.#asked;
    this.#asked = undefined;
    if (asked === undefined) this.#offer = offer;
    else asked.resolve(offer);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#makeOffer({ chunk, accept: callback });
  }

  override _flush(finish: TransformCallback): void {
    this.#makeOffer({ chunk: undefined, accept: () => {} });
    void this.#converted.then(() => {
      if (!this.destroyed) finish();
    });
  }

  override _read(size: number): void {
    super._read(size);
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  override _destroy(why: Error | null, finish: (error?: Error | null) => void): void {
    this.#asked?.reject(this.#abandoned());
    this.#resume?.();
    void this.#converted.then(() => finish(why));
  }

  #abandoned(): WarpError {
    return new WarpError('CANCELLED', { operation: this.#operation, found: 'the stream was destroyed' });
  }
}
