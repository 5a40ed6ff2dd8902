import * as fc from 'fast-check';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { ByteQueue, cutBlocks } from '../../src/client/helpers/byte-queue.ts';
import { inOrder } from '../../src/client/helpers/in-order.ts';
import { cutMembers, withLength } from '../../src/client/helpers/members.ts';
import { eventually } from '../fixtures/daemon.ts';

async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) yield item;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));

test('a byte queue gives out what it was given, in whatever pieces', () => {
  fc.assert(
    fc.property(fc.array(bytes), fc.array(fc.nat(100)), (pieces, sizes) => {
      const queue = new ByteQueue();
      for (const piece of pieces) queue.push(piece);
      const taken: Buffer[] = [];
      for (const size of sizes) {
        if (size > queue.bytes) break;
        const peeked = Buffer.from(queue.peek(size));
        taken.push(queue.take(size));
        expect(taken.at(-1)?.equals(peeked)).toBe(true);
      }
      taken.push(queue.take(queue.bytes));
      expect(queue.bytes).toBe(0);
      expect(Buffer.concat(taken).equals(Buffer.concat(pieces))).toBe(true);
    }),
  );
});

test('blocks are of one size but the last, and no data is one empty block', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(bytes), fc.integer({ min: 1, max: 300 }), async (pieces, size) => {
      const whole = Buffer.concat(pieces);
      const blocks = await all(cutBlocks(each(pieces), size));
      expect(Buffer.concat(blocks).equals(whole)).toBe(true);
      expect(blocks.length).toBe(Math.max(1, Math.ceil(whole.length / size)));
      expect(blocks.slice(0, -1).every(({ length }) => length === size)).toBe(true);
    }),
  );
});

test('results come in order, each as soon as it is there, with a bound on what is under way', async () => {
  const begun: (() => void)[] = [];
  const results = inOrder(
    each([0, 1, 2, 3, 4]),
    3,
    (item) =>
      new Promise<number>((resolve) => {
        begun.push(() => resolve(item));
      }),
  );
  const first = results.next();
  await eventually('the beginning', () => begun.length === 3);
  begun[2]?.();
  begun[0]?.();
  expect((await first).value).toBe(0);
  const rest = all(results);
  await eventually('room for one more', () => begun.length === 4);
  begun[3]?.();
  begun[1]?.();
  await eventually('the last one', () => begun.length === 5);
  begun[4]?.();
  expect(await rest).toEqual([1, 2, 3, 4]);
});

test('a result does not wait for the next item', async () => {
  async function* endless(): AsyncGenerator<number> {
    yield 1;
    await new Promise(() => {});
  }
  const results = inOrder(endless(), 4, async (item) => item);
  expect((await results.next()).value).toBe(1);
});

test('an error ends it only after everything under way has ended', async () => {
  let ended = 0;
  const results = inOrder(each([0, 1, 2]), 3, async (item) => {
    await new Promise(setImmediate);
    if (item === 0) throw new Error('broken');
    await new Promise(setImmediate);
    ended += 1;
  });
  await expect(all(results)).rejects.toThrow('broken');
  expect(ended).toBe(2);
});

test('an error of the source passes through', async () => {
  async function* broken(): AsyncGenerator<number> {
    yield 1;
    throw new Error('no more');
  }
  await expect(all(inOrder(broken(), 2, async (item) => item))).rejects.toThrow('no more');
});

test('a member with its length in the header is gzip as before', () => {
  for (const size of [0, 1, 70_000]) {
    const data = Buffer.alloc(size, 'gzip ');
    const member = withLength(gzipSync(data));
    expect(gunzipSync(member).equals(data)).toBe(true);
    expect(member.subarray(10, 16)).toEqual(Buffer.from([8, 0, 0x57, 0x44, 4, 0]));
    expect(member.readUInt32LE(16)).toBe(member.length);
  }
});

test('parts are the file, byte for byte, whatever the file says', async () => {
  const member = withLength(gzipSync('some text'));
  const pieceOfFile = fc.oneof(
    fc.constant(member),
    fc.constant(gzipSync('foreign')),
    bytes,
    fc.tuple(fc.nat(member.length - 1), fc.nat(255)).map(([at, byte]) => {
      const damaged = Buffer.from(member);
      damaged[at] = byte;
      return damaged;
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(pieceOfFile), fc.integer({ min: 1, max: 64 }), async (pieces, chunkBytes) => {
      const file = Buffer.concat(pieces);
      const chunks = Array.from({ length: Math.ceil(file.length / chunkBytes) }, (_, index) =>
        file.subarray(index * chunkBytes, (index + 1) * chunkBytes),
      );
      const parts = await all(cutMembers(each(chunks)));
      expect(Buffer.concat(parts.map((part) => part.bytes)).equals(file)).toBe(true);
    }),
  );
});

test('our members are cut, up to the first that is foreign', async () => {
  const ours = withLength(gzipSync('ours'));
  const foreign = gzipSync('foreign');
  const parts = await all(cutMembers(each([Buffer.concat([ours, ours, foreign, ours])])));
  expect(parts.map((part) => [part.bytes.length, part.inflatedBytes])).toEqual([
    [ours.length, 4],
    [ours.length, 4],
    [foreign.length + ours.length, 4],
  ]);
});

test('lengths that lie are not believed: neither a large member nor a large output is prepared for', async () => {
  const member = withLength(gzipSync('text'));
  const long = Buffer.from(member);
  long.writeUInt32LE(0xffff_ffff, 16);
  const bomb = Buffer.from(member);
  bomb.writeUInt32LE(0xffff_fff0, bomb.length - 4);
  const foreignBomb = gzipSync('text');
  foreignBomb.writeUInt32LE(0x7fff_ffff, foreignBomb.length - 4);
  for (const [file, isCut] of [
    [long, true],
    [bomb, false],
    [foreignBomb, false],
  ] as const) {
    const parts = await all(cutMembers(each([file])));
    expect(parts.length).toBe(1);
    expect(parts[0]?.bytes.equals(file)).toBe(true);
    expect(parts[0]?.inflatedBytes).toBe(isCut ? 4 : undefined);
  }
});
