// Encryption as a program does it that has many files and one key: one queue, one session that holds the key, and
// one region in which each lane of work has its part, so that nothing is set up per file.
//
//     lane 0: | additional data | input | output |  lane 1: | ...

import type { Completion, Connection, OperationName, Queue, Region, Session } from '../src/client/index.ts';

export type CipherName = 'aes-256-gcm' | 'aes-256-cbc';

export interface CipherOptions {
  readonly key: Buffer;
  /** How many files are under way at once. */
  readonly lanes: number;
  /** The largest input, bytes. */
  readonly inputBytesMax: number;
}

export interface CipherInput {
  readonly lane: number;
  readonly data: Buffer;
  readonly iv: Buffer;
  readonly aad?: Buffer;
  readonly tag?: Buffer;
}

/** Longer names than this don't occur as paths (Linux's PATH_MAX), bytes. */
const AAD_BYTES_MAX = 4096;
/** CBC pads to the next whole block. */
const PADDING_BYTES_MAX = 16;

export class DeviceCipher {
  readonly #queue: Queue;
  readonly #session: Session;
  readonly #region: Region;
  readonly #inputBytesMax: number;

  private constructor(queue: Queue, session: Session, region: Region, inputBytesMax: number) {
    this.#queue = queue;
    this.#session = session;
    this.#region = region;
    this.#inputBytesMax = inputBytesMax;
  }

  static async open(
    connection: Connection,
    algorithm: CipherName,
    { key, lanes, inputBytesMax }: CipherOptions,
  ): Promise<DeviceCipher> {
    const queue = await connection.requestQueue({ algorithm });
    const session = await queue.openSession({ key });
    const region = await connection.share(lanes * laneBytes(inputBytesMax));
    return new DeviceCipher(queue, session, region, inputBytesMax);
  }

  get device(): string {
    return this.#queue.device;
  }

  async run(
    operation: OperationName,
    { lane, data, iv, aad, tag }: CipherInput,
  ): Promise<{ readonly data: Buffer; readonly tag: Buffer | undefined }> {
    const region = this.#region;
    const aadAt = lane * laneBytes(this.#inputBytesMax);
    const inputAt = aadAt + AAD_BYTES_MAX;
    const outputAt = inputAt + this.#inputBytesMax + PADDING_BYTES_MAX;
    data.copy(region.buffer, inputAt);
    aad?.copy(region.buffer, aadAt);
    const { produced, tag: made }: Completion = await this.#queue.submit({
      operation,
      session: this.#session,
      source: { region, offset: inputAt, bytes: data.length },
      destination: { region, offset: outputAt, bytes: data.length + PADDING_BYTES_MAX },
      iv,
      ...(aad && { auxiliary: { region, offset: aadAt, bytes: aad.length } }),
      ...(tag && { tag }),
    });
    return { data: Buffer.from(region.buffer.subarray(outputAt, outputAt + produced)), tag: made };
  }
}

function laneBytes(inputBytesMax: number): number {
  return AAD_BYTES_MAX + 2 * (inputBytesMax + PADDING_BYTES_MAX);
}
