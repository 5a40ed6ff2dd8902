// Output of a helper, and where it was made.

/** The place of what no device did. */
export const LOCAL = 'local';

export interface Piece {
  readonly data: Buffer;
  /** Where it was made: the name of a device, or 'local'. */
  readonly device: string;
}

export interface HelperResult {
  readonly data: Buffer;
  /** Where it was made: the name of a device, 'local', or both as in 'soft0+local'. */
  readonly device: string;
}

export function joinPieces(pieces: readonly Piece[]): HelperResult {
  return {
    data: Buffer.concat(pieces.map(({ data }) => data)),
    device: joinPlaces(pieces.map(({ device }) => device)),
  };
}

/** The places that took part, in the order of their first piece: 'soft0', 'local' or 'soft0+local'. */
export function joinPlaces(places: Iterable<string>): string {
  return [...new Set(places)].join('+');
}

/** Data that is all there already, as the source that the streaming functions take. */
export async function* sourceOf(data: Uint8Array): AsyncGenerator<Buffer> {
  yield Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
