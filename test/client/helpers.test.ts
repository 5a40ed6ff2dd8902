import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Connection,
  decrypt,
  encrypt,
  gunzip,
  gzip,
  hash,
  type HelperResult,
  type WarpError,
} from '../../src/client/index.ts';
import { connectTo, type ReachableDaemon, startReachableDaemon } from '../fixtures/transport.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** Around the size of one block, and more than one. */
const BLOCK = 256 * KIB;
const sizes = [0, 1, 777, BLOCK - 1, BLOCK, BLOCK + 1, 3 * MIB + 5];

const key = randomBytes(32);
const gcm = { algorithm: 'aes-256-gcm', key, iv: randomBytes(12) } as const;
const cbc = { algorithm: 'aes-256-cbc', key, iv: randomBytes(16) } as const;

/** Something that compresses, but is not all the same. */
function text(bytes: number): Buffer {
  const lines = Array.from(
    { length: Math.ceil(bytes / 40) },
    (_, line) => `${line}: ${(line * 7919) % 1009} warps\n`,
  );
  return Buffer.concat([Buffer.from(lines.join(''))], bytes);
}

/** Compared as a whole: byte for byte by the framework takes seconds for a megabyte. */
function expectResult(result: HelperResult, data: Buffer, device: string): void {
  expect(result.device).toBe(device);
  expect(result.data.equals(data)).toBe(true);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'OK',
    (error: WarpError) => error.code,
  );
}

const SMALL_LIMITS = `
[limits]
request_bytes = 65536
`;
const NULL_ONLY = `
[devices.null0]
driver = "null"
`;

/** The same everywhere, whoever does the work. */
describe.each([
  { place: 'a device', configuration: undefined, device: 'soft0' },
  { place: 'the program itself, for want of a device', configuration: NULL_ONLY, device: 'local' },
])('by $place', ({ configuration, device }) => {
  let daemon: ReachableDaemon;
  let connection: Connection;

  beforeAll(async () => {
    daemon = await startReachableDaemon(configuration);
    connection = await connectTo(daemon);
  });

  afterAll(async () => {
    await connection.close();
    await daemon.stop();
  });

  test.each(sizes)('gzip and gunzip turn %i bytes there and back, and node:zlib agrees', async (bytes) => {
    const data = text(bytes);
    const compressed = await gzip(connection, data, { level: 1 });
    expect(compressed.device).toBe(device);
    expect(gunzipSync(compressed.data).equals(data)).toBe(true);
    for (const file of [compressed.data, gzipSync(data)]) {
      const inflated = await gunzip(connection, file);
      expectResult(inflated, data, device);
    }
  });

  test('noise, which does not compress, comes back as well, at every level', async () => {
    const data = randomBytes(600 * KIB);
    for (const level of [0, 1, 6, 9]) {
      const compressed = await gzip(connection, data, { level });
      expect(gunzipSync(compressed.data).equals(data)).toBe(true);
      expect((await gunzip(connection, compressed.data)).data.equals(data)).toBe(true);
    }
  });

  test.each(sizes)('hashes of %i bytes are those of node:crypto', async (bytes) => {
    const data = text(bytes);
    for (const [algorithm, name] of [
      ['sha-256', 'sha256'],
      ['sha-512', 'sha512'],
    ] as const) {
      const digest = await hash(connection, algorithm, data);
      expect(digest).toEqual({ data: createHash(name).update(data).digest(), device });
    }
  });

  test.each(sizes)('GCM of %i bytes is that of node:crypto, in both directions', async (bytes) => {
    const data = text(bytes);
    for (const aad of [undefined, Buffer.alloc(0), text(70)]) {
      const options = { ...gcm, ...(aad !== undefined && { aad }) };
      const cipher = createCipheriv('aes-256-gcm', key, gcm.iv).setAAD(aad ?? Buffer.alloc(0));
      const expected = Buffer.concat([cipher.update(data), cipher.final()]);
      const encrypted = await encrypt(connection, options, data);
      expectResult(encrypted, expected, device);
      expect(encrypted.tag).toEqual(cipher.getAuthTag());
      const decrypted = await decrypt(connection, { ...options, tag: cipher.getAuthTag() }, expected);
      expectResult(decrypted, data, device);
    }
  });

  test.each(sizes)('CBC of %i bytes is that of node:crypto, in both directions', async (bytes) => {
    const data = text(bytes);
    const encrypted = await encrypt(connection, cbc, data);
    const decipher = createDecipheriv('aes-256-cbc', key, cbc.iv);
    expect(Buffer.concat([decipher.update(encrypted.data), decipher.final()]).equals(data)).toBe(true);
    expect(Object.keys(encrypted).sort()).toEqual(['data', 'device']);
    const decrypted = await decrypt(connection, cbc, encrypted.data);
    expectResult(decrypted, data, device);
  });

  test('what was tampered with is refused, each kind by its code', async () => {
    const encrypted = await encrypt(connection, gcm, text(100));
    const tag = Buffer.from(encrypted.tag ?? '');
    tag.writeUInt8(tag.readUInt8(0) ^ 1, 0);
    expect(await codeOf(decrypt(connection, { ...gcm, tag }, encrypted.data))).toBe('WRONG_TAG');
    const padded = await encrypt(connection, cbc, text(16));
    const wrongKey = { ...cbc, key: Buffer.alloc(32, 3) };
    expect(await codeOf(decrypt(connection, wrongKey, padded.data))).toBe('CORRUPT_INPUT');
    expect(await codeOf(decrypt(connection, cbc, Buffer.alloc(17)))).toBe('BAD_LENGTH');
    expect(await codeOf(decrypt(connection, cbc, Buffer.alloc(0)))).toBe('BAD_LENGTH');
  });

  test('arguments that are wrong are named before anything runs', async () => {
    const data = text(10);
    const wrong = [
      gzip(connection, data, { level: 10 }),
      gzip(connection, data, { level: 1.5 }),
      hash(connection, 'md5' as 'sha-256', data),
      encrypt(connection, { ...gcm, key: Buffer.alloc(31) }, data),
      encrypt(connection, { ...gcm, iv: Buffer.alloc(16) }, data),
      encrypt(connection, { ...cbc, aad: Buffer.alloc(1) }, data),
      encrypt(connection, { ...gcm, algorithm: 'rot13' as 'aes-256-gcm' }, data),
      decrypt(connection, gcm, data),
      decrypt(connection, { ...gcm, tag: Buffer.alloc(12) }, data),
    ];
    expect(await Promise.all(wrong.map(codeOf))).toEqual(wrong.map(() => 'INVALID_ARGUMENT'));
  });

  test.each([
    ['nothing at all', Buffer.alloc(0)],
    ['no gzip', text(5000)],
    ['a magic number alone', Buffer.from([0x1f, 0x8b])],
    ['zeros', Buffer.alloc(100)],
    ['a member cut short', gzipSync(text(5000)).subarray(0, -1)],
    ['a member with something behind it', Buffer.concat([gzipSync('text'), Buffer.from('more')])],
    [
      'padding with something behind it',
      Buffer.concat([gzipSync('text'), Buffer.alloc(600), Buffer.from('x')]),
    ],
    [
      'two members, the second of them broken',
      Buffer.concat([gzipSync('one'), Buffer.from(gzipSync('two')).fill(7, 12)]),
    ],
  ])('gunzip of %s is CORRUPT_INPUT', async (_, file) => {
    expect(await codeOf(gunzip(connection, file))).toBe('CORRUPT_INPUT');
  });

  test('gunzip takes several members, of whomever, and zeros behind them', async () => {
    const ours = (await gzip(connection, text(300 * KIB))).data;
    const foreign = gzipSync('foreign');
    const expected = Buffer.concat([text(300 * KIB), Buffer.from('foreign'), text(300 * KIB)]);
    const inflated = await gunzip(connection, Buffer.concat([ours, foreign, ours, Buffer.alloc(1000)]));
    expect(inflated.data.equals(expected)).toBe(true);
    expect(inflated.device).toBe(device === 'local' ? 'local' : `${device}+local`);
    const padded = await gunzip(connection, Buffer.concat([ours, Buffer.alloc(70_000)]));
    expect(padded.data.equals(text(300 * KIB))).toBe(true);
    expect(padded.device).toBe(device);
  });

  test('lengths that lie change nothing: the data is right, or it is refused', async () => {
    const data = text(300 * KIB);
    const file = (await gzip(connection, data)).data;
    const first = file.readUInt32LE(16);
    for (const lie of [0, 20, 30, 31, first - 1, first + 1, file.length, 0x7fff_ffff, 0xffff_ffff]) {
      const liar = Buffer.from(file);
      liar.writeUInt32LE(lie, 16);
      const inflated = await gunzip(connection, liar);
      expect(inflated.data.equals(data)).toBe(true);
      expect(inflated.device).toBe('local');
    }
    for (const lie of [0, 1, BLOCK - 1, BLOCK + 1, 0x7fff_ffff, 0xffff_ffff]) {
      const liar = Buffer.from(file);
      liar.writeUInt32LE(lie, first - 4);
      expect(await codeOf(gunzip(connection, liar))).toBe('CORRUPT_INPUT');
      const foreign = gzipSync(data);
      foreign.writeUInt32LE(lie, foreign.length - 4);
      expect(await codeOf(gunzip(connection, foreign))).toBe('CORRUPT_INPUT');
    }
  });

  test('each byte of a file that is changed is found, or did not matter', async () => {
    const data = text(200);
    const file = (await gzip(connection, data)).data;
    for (let at = 0; at < file.length; at++) {
      const damaged = Buffer.from(file);
      damaged.writeUInt8(damaged.readUInt8(at) ^ 0x11, at);
      const inflated = await gunzip(connection, damaged).catch((error: WarpError) => error.code);
      if (typeof inflated === 'string') expect(inflated).toBe('CORRUPT_INPUT');
      else expect(inflated.data.equals(data)).toBe(true);
    }
  });

  test('an output larger than wanted is given up', async () => {
    const bomb = gzipSync(Buffer.alloc(8 * MIB));
    expect(await codeOf(gunzip(connection, bomb, { outputBytesMax: MIB }))).toBe('OUTPUT_TOO_SMALL');
    expect((await gunzip(connection, bomb, { outputBytesMax: 8 * MIB })).data.length).toBe(8 * MIB);
  });
});

describe('with a daemon that has its limits', () => {
  let daemon: ReachableDaemon;
  let connection: Connection;

  beforeAll(async () => {
    daemon = await startReachableDaemon(SMALL_LIMITS);
    connection = await connectTo(daemon);
  });

  afterAll(async () => {
    await connection.close();
    await daemon.stop();
  });

  test('requests that would be too large are done by the program itself', async () => {
    const small = text(64 * KIB);
    const large = text(64 * KIB + 1);
    expect((await hash(connection, 'sha-256', small)).device).toBe('soft0');
    const digest = await hash(connection, 'sha-256', large);
    expect(digest).toEqual({ data: createHash('sha256').update(large).digest(), device: 'local' });
    const encrypted = await encrypt(connection, gcm, large);
    expect(encrypted.device).toBe('local');
    const decrypted = await decrypt(
      connection,
      { ...gcm, tag: encrypted.tag ?? Buffer.alloc(0) },
      encrypted.data,
    );
    expect(decrypted.data.equals(large)).toBe(true);
    expect(await codeOf(decrypt(connection, { ...gcm, tag: Buffer.alloc(16) }, large))).toBe('WRONG_TAG');
    const file = gzipSync(large);
    const inflated = await gunzip(connection, file);
    expect(inflated.data.equals(large)).toBe(true);
    expect(inflated.device).toBe('local');
  });

  test('gzip cuts its blocks so that they fit', async () => {
    const data = text(MIB);
    const compressed = await gzip(connection, data);
    expect(compressed.device).toBe('soft0');
    expect(gunzipSync(compressed.data).equals(data)).toBe(true);
    expectResult(await gunzip(connection, compressed.data), data, 'soft0');
  });
});

test('a hash larger than the arena is done by the program itself', async () => {
  const daemon = await startReachableDaemon();
  const connection = await connectTo(daemon);
  const data = Buffer.alloc(17 * MIB, 'large');
  expect(await hash(connection, 'sha-256', data)).toEqual({
    data: createHash('sha256').update(data).digest(),
    device: 'local',
  });
  await connection.close();
  await daemon.stop();
});
