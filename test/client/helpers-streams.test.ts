import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGzip as zlibGzip, createGunzip as zlibGunzip, gzipSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Connection,
  createGunzip,
  createGzip,
  gzip,
  type HelperStream,
} from '../../src/client/index.ts';
import { eventually } from '../fixtures/daemon.ts';
import { connectTo, type ReachableDaemon, startReachableDaemon } from '../fixtures/transport.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

let daemon: ReachableDaemon;
let connection: Connection;

beforeAll(async () => {
  daemon = await startReachableDaemon();
  connection = await connectTo(daemon);
});

afterAll(async () => {
  await connection.close();
  await daemon.stop();
});

/** Half noise, half zeros, so that blocks take different times. */
function mixture(bytes: number): Buffer {
  const data = randomBytes(bytes);
  for (let at = 0; at < bytes; at += 200 * KIB) data.fill(0, at, Math.min(bytes, at + 100 * KIB));
  return data;
}

function chunks(data: Buffer, bytes: number): Buffer[] {
  return Array.from({ length: Math.ceil(data.length / bytes) }, (_, index) =>
    data.subarray(index * bytes, (index + 1) * bytes),
  );
}

async function through(stream: HelperStream, pieces: readonly Buffer[]): Promise<Buffer> {
  const [output] = await Promise.all([
    buffer(stream),
    pipeline(Readable.from(pieces), stream, { end: true }),
  ]);
  return output;
}

test.each([1 * KIB, 64 * KIB, 5 * MIB])(
  'streams turn data in chunks of %i bytes there and back',
  async (bytes) => {
    const data = mixture(5 * MIB);
    const compressor = createGzip(connection, { level: 1 });
    const compressed = await through(compressor, chunks(data, bytes));
    expect(compressor.device).toBe('soft0');
    expect(gunzipSync(compressed).equals(data)).toBe(true);
    const decompressor = createGunzip(connection);
    expect((await through(decompressor, chunks(compressed, bytes))).equals(data)).toBe(true);
    expect(decompressor.device).toBe('soft0');
  },
);

test('block sizes can be chosen, and decompress here and in node:zlib', async () => {
  const data = mixture(700 * KIB);
  for (const blockBytes of [4 * KIB, 512 * KIB]) {
    const compressed = await through(createGzip(connection, { blockBytes }), [data]);
    expect((await through(createGunzip(connection), [compressed])).equals(data)).toBe(true);
    expect((await buffer(Readable.from([compressed]).pipe(zlibGunzip()))).equals(data)).toBe(true);
  }
  for (const blockBytes of [0, 4 * KIB - 1, 512 * KIB + 1, 5000.5])
    expect(() => createGzip(connection, { blockBytes })).toThrow('blockBytes');
});

test('no data is one empty member; no gzip at all is corrupt', async () => {
  expect(gunzipSync(await through(createGzip(connection), [])).length).toBe(0);
  await expect(through(createGunzip(connection), [])).rejects.toMatchObject({ code: 'CORRUPT_INPUT' });
});

test('one byte at a time is enough', async () => {
  const compressed = (await gzip(connection, Buffer.from('slowly'))).data;
  const file = Buffer.concat([compressed, gzipSync(' but surely'), Buffer.alloc(3)]);
  expect((await through(createGunzip(connection), chunks(file, 1))).toString()).toBe('slowly but surely');
});

test('a foreign file larger than any request streams through node:zlib', async () => {
  const data = mixture(12 * MIB);
  const file = await buffer(Readable.from([data]).pipe(zlibGzip({ level: 1 })));
  const decompressor = createGunzip(connection);
  expect((await through(decompressor, chunks(file, 64 * KIB))).equals(data)).toBe(true);
  expect(decompressor.device).toBe('local');
});

test('what is corrupt ends the stream with its code, wherever it is, before the input has ended', async () => {
  const compressed = (await gzip(connection, mixture(3 * MIB))).data;
  for (const at of [0, 3, 700_000]) {
    const damaged = Buffer.from(compressed);
    damaged.writeUInt8(damaged.readUInt8(at) ^ 0xff, at);
    const decompressor = createGunzip(connection);
    decompressor.resume();
    const failed = once(decompressor, 'error');
    decompressor.write(damaged);
    // The writer never ends: an error that waits for the end would never come.
    decompressor.write(Buffer.alloc(3 * MIB, 1));
    const [error] = (await failed) as [unknown];
    expect(error).toMatchObject({ name: 'WarpError', code: 'CORRUPT_INPUT' });
    if (!decompressor.closed) await once(decompressor, 'close');
  }
});

test('a slow reader stops the writer: what is in flight does not grow with the data', async () => {
  // Blocks under way, and what lies in the buffers before and behind them.
  const limitBytes = 16 * 256 * KIB + 2 * MIB;
  const compressor = createGzip(connection, { level: 0 });
  let acceptedBytes = 0;
  async function* endless(): AsyncGenerator<Buffer> {
    for (;;) {
      acceptedBytes += 64 * KIB;
      yield Buffer.alloc(64 * KIB, 1);
    }
  }
  const source = Readable.from(endless());
  source.pipe(compressor);
  let seenBytes = -1;
  // It stops by itself: nothing more is accepted while the event loop turns and the device has nothing to do.
  await eventually('the end of reading', async () => {
    const isStill = acceptedBytes === seenBytes && acceptedBytes > 0;
    seenBytes = acceptedBytes;
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    await gzip(connection, Buffer.alloc(10));
    return isStill;
  });
  expect(acceptedBytes).toBeLessThan(limitBytes);
  expect(compressor.readableLength).toBeLessThan(limitBytes);
  source.destroy();
  compressor.destroy();
  await once(compressor, 'close');
});

test('a slow reader of a bomb gets it in small pieces', async () => {
  const bomb = gzipSync(Buffer.alloc(64 * MIB));
  const decompressor = createGunzip(connection);
  decompressor.end(bomb);
  let bytes = 0;
  let largest = 0;
  for await (const piece of decompressor) {
    bytes += (piece as Buffer).length;
    largest = Math.max(largest, decompressor.readableLength);
  }
  expect(bytes).toBe(64 * MIB);
  expect(largest).toBeLessThan(MIB);
});

test('destroy ends a stream in whatever state, and returns what it held', async () => {
  const data = mixture(4 * MIB);
  const file = (await gzip(connection, data)).data;
  for (let turns = 0; turns < 40; turns += 4) {
    for (const [create, input] of [
      [createGzip, data],
      [createGunzip, file],
      [createGunzip, gzipSync(data, { level: 1 })],
    ] as const) {
      const stream = create(connection);
      stream.write(input);
      if (turns % 8 === 0) stream.resume();
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
      const closed = once(stream, 'close');
      stream.destroy();
      await closed;
    }
  }
  // If leases had been lost, the arena would be full by now.
  const all = await Promise.all(Array.from({ length: 8 }, () => gzip(connection, data)));
  expect(all.every((result) => gunzipSync(result.data).equals(data))).toBe(true);
});

test('a reader may destroy the stream at any piece', async () => {
  const data = mixture(MIB);
  for (const [create, input] of [
    [createGzip, data],
    [createGunzip, (await gzip(connection, data)).data],
    [createGunzip, gzipSync(data)],
  ] as const) {
    const stream = create(connection);
    stream.on('data', () => stream.destroy());
    stream.end(input);
    await once(stream, 'close');
    const early = create(connection);
    early.end(input);
    for await (const piece of early) if ((piece as Buffer).length > 0) break;
    expect(early.destroyed).toBe(true);
  }
});

test('destroy with an error tells that error, and pipeline passes one on', async () => {
  const stream = createGzip(connection);
  const failed = once(stream, 'error');
  stream.destroy(new Error('enough'));
  expect((await failed)[0]).toMatchObject({ message: 'enough' });
  const full = new Writable({
    write: (_chunk, _encoding, done) => done(new Error('disk full')),
  });
  await expect(
    pipeline(Readable.from(chunks(mixture(MIB), 64 * KIB)), createGzip(connection), full),
  ).rejects.toThrow('disk full');
});

test('many streams share the arena', async () => {
  const data = mixture(2 * MIB);
  const areRight = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const compressor = createGzip(connection, { level: 1, blockBytes: 512 * KIB });
      const decompressor = createGunzip(connection);
      const [output] = await Promise.all([
        buffer(decompressor),
        pipeline(Readable.from(chunks(data, 100 * KIB)), compressor, decompressor),
      ]);
      return output.equals(data);
    }),
  );
  expect(areRight).toEqual(areRight.map(() => true));
});
