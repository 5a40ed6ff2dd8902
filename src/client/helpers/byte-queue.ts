// Bytes that came in pieces of one size and are wanted in pieces of another. Copies only where a wanted piece spans
// several that came.

import { assert } from '../../shared/assert.ts';

export class ByteQueue {
  #pieces: Buffer[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#bytes += piece.length;
  }

  /** The first `bytes` bytes, which stay in the queue. */
  peek(bytes: number): Buffer {
    assert(bytes <= this.#bytes, 'no more is asked for than there is');
    const first = this.#pieces[0];
    if (first !== undefined && first.length >= bytes) return first.subarray(0, bytes);
    this.#pieces = [Buffer.concat(this.#pieces, this.#bytes)];
    return (this.#pieces[0] as Buffer).subarray(0, bytes);
  }

  /** The first `bytes` bytes, taken out. */
  take(bytes: number): Buffer {
    if (bytes === 0) return Buffer.alloc(0);
    const taken = this.peek(bytes);
    const first = this.#pieces[0] as Buffer;
    if (first.length === bytes) this.#pieces.shift();
    else this.#pieces[0] = first.subarray(bytes);
    this.#bytes -= bytes;
    return taken;
  }
}

/** Cuts data into blocks of `blockBytes`; the last one is shorter. No data at all is one empty block. */
export async function* cutBlocks(source: AsyncIterable<Buffer>, blockBytes: number): AsyncGenerator<Buffer> {
  const queue = new ByteQueue();
  let isAny = false;
  for await (const piece of source) {
    queue.push(piece);
    for (; queue.bytes >= blockBytes; isAny = true) yield queue.take(blockBytes);
  }
  if (queue.bytes > 0 || !isAny) yield queue.take(queue.bytes);
}
