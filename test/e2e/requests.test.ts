// Requests through the whole daemon: every operation, every way in which one can fail, and what a failure leaves
// untouched.

import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import {
  crc32,
  deflateRawSync,
  deflateSync,
  gunzipSync,
  gzipSync,
  inflateRawSync,
  inflateSync,
} from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../src/client/connect.ts';
import type { Connection } from '../../src/client/connection.ts';
import type { Queue } from '../../src/client/queue.ts';
import type { Region } from '../../src/client/region.ts';
import type { Completion, Range, Request } from '../../src/client/request.ts';
import { eventually } from '../fixtures/daemon.ts';
import {
  connectTo,
  type ReachableDaemon,
  receive,
  startReachableDaemon,
  transport,
} from '../fixtures/transport.ts';
import { ended, startClient } from '../fixtures/client-process.ts';

const MIB = 2 ** 20;

let daemon: ReachableDaemon;
let connection: Connection;
let region: Region;

beforeAll(async () => {
  daemon = await startReachableDaemon(
    '[devices.soft0]\ndriver = "soft"\n[devices.null0]\ndriver = "null"\n[limits]\nrequest_bytes = 2097152\n',
  );
  connection = await connectTo(daemon);
  region = await connection.share(8 * MIB);
});
afterAll(async () => {
  await connection.close();
  expect(await daemon.stop()).toBe(0);
});

function range(offset: number, bytes: number): Range {
  return { region, offset, bytes };
}

function put(offset: number, data: Buffer): Range {
  data.copy(region.buffer, offset);
  return range(offset, data.length);
}

async function withQueue<T>(
  algorithm: Parameters<Connection['requestQueue']>[0]['algorithm'],
  work: (queue: Queue) => Promise<T>,
): Promise<T> {
  const queue = await connection.requestQueue({ algorithm });
  try {
    return await work(queue);
  } finally {
    await queue.release();
  }
}

function output({ produced }: Completion, at: number): Buffer {
  return region.buffer.subarray(at, at + produced);
}

const text = Buffer.from('the quick brown fox jumps over the lazy dog; '.repeat(2_000));
const key = randomBytes(32);

describe('each operation', () => {
  it.each([
    ['deflate', deflateRawSync, inflateRawSync],
    ['zlib', deflateSync, inflateSync],
    ['gzip', gzipSync, gunzipSync],
  ] as const)(
    '%s goes both ways, and is understood by and understands node:zlib',
    async (algorithm, squeeze, expand) => {
      await withQueue(algorithm, async (queue) => {
        for (const level of [0, 1, 6, 9]) {
          const session = await queue.openSession({ level });
          const packed = await queue.submit({
            operation: `${algorithm}-compress`,
            session,
            source: put(0, text),
            destination: range(MIB, MIB),
          });
          expect(expand(output(packed, MIB)).equals(text)).toBe(true);
          const unpacked = await queue.submit({
            operation: `${algorithm}-decompress`,
            session,
            source: put(0, squeeze(text)),
            destination: range(MIB, MIB),
          });
          expect(output(unpacked, MIB).equals(text)).toBe(true);
          await session.release();
        }
      });
    },
  );

  it('sha-256 and sha-512 are those of node:crypto', async () => {
    for (const algorithm of ['sha-256', 'sha-512'] as const) {
      await withQueue(algorithm, async (queue) => {
        const done = await queue.submit({
          operation: algorithm,
          source: put(0, text),
          destination: range(MIB, 64),
        });
        const expected = createHash(algorithm.replace('-', '')).update(text).digest();
        expect(output(done, MIB).equals(expected)).toBe(true);
        const empty = await queue.submit({
          operation: algorithm,
          source: range(0, 0),
          destination: range(MIB, 64),
        });
        expect(output(empty, MIB).equals(createHash(algorithm.replace('-', '')).digest())).toBe(true);
      });
    }
  });

  it('aes-256-gcm: ciphertext and tag are those of node:crypto, with and without additional data', async () => {
    await withQueue('aes-256-gcm', async (queue) => {
      const session = await queue.openSession({ key });
      for (const aad of [Buffer.alloc(0), Buffer.from('header')]) {
        const iv = randomBytes(12);
        const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(aad);
        const expected = Buffer.concat([cipher.update(text), cipher.final()]);
        const auxiliary = put(4 * MIB, aad);
        const sealed = await queue.submit({
          operation: 'aes-256-gcm-encrypt',
          session,
          iv,
          source: put(0, text),
          auxiliary,
          destination: range(MIB, MIB),
        });
        expect(output(sealed, MIB).equals(expected)).toBe(true);
        expect(sealed.tag?.equals(cipher.getAuthTag())).toBe(true);
        const tag = cipher.getAuthTag();
        const opened = await queue.submit({
          operation: 'aes-256-gcm-decrypt',
          session,
          iv,
          tag,
          auxiliary,
          source: range(MIB, expected.length),
          destination: range(2 * MIB, MIB),
        });
        expect(output(opened, 2 * MIB).equals(text)).toBe(true);
      }
    });
  });

  it('aes-256-cbc: the same bytes as node:crypto, both ways', async () => {
    await withQueue('aes-256-cbc', async (queue) => {
      const session = await queue.openSession({ key });
      const iv = randomBytes(16);
      const cipher = createCipheriv('aes-256-cbc', key, iv);
      const expected = Buffer.concat([cipher.update(text), cipher.final()]);
      const sealed = await queue.submit({
        operation: 'aes-256-cbc-encrypt',
        session,
        iv,
        source: put(0, text),
        destination: range(MIB, MIB),
      });
      expect(output(sealed, MIB).equals(expected)).toBe(true);
      const opened = await queue.submit({
        operation: 'aes-256-cbc-decrypt',
        session,
        iv,
        source: range(MIB, expected.length),
        destination: range(2 * MIB, MIB),
      });
      expect(output(opened, 2 * MIB).equals(text)).toBe(true);
      const decipher = createDecipheriv('aes-256-cbc', key, iv);
      expect(Buffer.concat([decipher.update(expected), decipher.final()]).equals(text)).toBe(true);
    });
  });

  it('copy, fill, compare, crc32, factorial', async () => {
    await withQueue('copy', async (queue) => {
      await queue.submit({ operation: 'copy', source: put(0, text), destination: range(MIB, text.length) });
      expect(region.buffer.subarray(MIB, MIB + text.length).equals(text)).toBe(true);
    });
    await withQueue('compare', async (queue) => {
      const request = {
        operation: 'compare',
        source: range(0, text.length),
        auxiliary: range(MIB, text.length),
      } as const;
      expect(await queue.submit(request)).toMatchObject({ result: 0, produced: text.length });
      region.buffer[MIB + 777] = 0;
      expect(await queue.submit(request)).toMatchObject({ result: 1, produced: 777 });
    });
    await withQueue('factorial', async (queue) => {
      expect((await queue.submit({ operation: 'factorial', operand: 10 })).result).toBe(3_628_800);
    });
    await withQueue('crc32', async (queue) => {
      expect((await queue.submit({ operation: 'crc32', source: range(0, text.length) })).result).toBe(
        crc32(text),
      );
    });
    await withQueue('fill', async (queue) => {
      await queue.submit({
        operation: 'fill',
        pattern: Buffer.from('01234567'),
        destination: range(MIB, 20),
      });
      expect(region.buffer.toString('latin1', MIB, MIB + 20)).toBe('01234567012345670123');
    });
  });

  it('one region serves several queues and devices, the output of one request being the input of the next', async () => {
    await withQueue('copy', (copies) =>
      withQueue('sha-256', async (hashes) => {
        await copies.submit({
          operation: 'copy',
          source: put(0, text),
          destination: range(MIB, text.length),
        });
        const done = await hashes.submit({
          operation: 'sha-256',
          source: range(MIB, text.length),
          destination: range(2 * MIB, 32),
        });
        expect(output(done, 2 * MIB).equals(createHash('sha256').update(text).digest())).toBe(true);
      }),
    );
  });
});

describe('a request that is wrong gets a code, and nothing else happens', () => {
  const packed = gzipSync(text);
  it.each<[string, Parameters<typeof withQueue>[0], (queue: Queue) => Promise<Partial<Request>>]>([
    [
      'OUTPUT_TOO_SMALL',
      'gzip',
      async () => ({
        operation: 'gzip-decompress',
        source: put(0, packed),
        destination: range(MIB, text.length - 1),
      }),
    ],
    [
      'CORRUPT_INPUT',
      'gzip',
      async () => ({
        operation: 'gzip-decompress',
        source: put(0, packed.subarray(0, -1)),
        destination: range(MIB, MIB),
      }),
    ],
    [
      'CORRUPT_INPUT',
      'gzip',
      async () => ({
        operation: 'gzip-decompress',
        source: put(0, randomBytes(100)),
        destination: range(MIB, MIB),
      }),
    ],
    [
      'TOO_LARGE',
      'gzip',
      async () => ({
        operation: 'gzip-compress',
        source: range(0, 2 * MIB + 1),
        destination: range(4 * MIB, MIB),
      }),
    ],
    [
      'OUT_OF_RANGE',
      'gzip',
      async () => ({
        operation: 'gzip-compress',
        source: range(8 * MIB - 10, 11),
        destination: range(0, MIB),
      }),
    ],
    [
      'OUT_OF_RANGE',
      'gzip',
      async () => ({
        operation: 'gzip-compress',
        source: range(0xffff_fff0, 32),
        destination: range(0, MIB),
      }),
    ],
    [
      'OUT_OF_RANGE',
      'gzip',
      async () => ({ operation: 'gzip-compress', source: range(0, 0xffff_ffff), destination: range(0, MIB) }),
    ],
    ['OPERATION_NOT_ALLOWED', 'gzip', async () => ({ operation: 'crc32', source: range(0, 10) })],
  ])('%s (%s)', async (code, algorithm, build) => {
    await withQueue(algorithm, async (queue) => {
      const session = await queue.openSession({ level: 1 });
      const request = { session, ...(await build(queue)) } as Request;
      await expect(queue.submit(request)).rejects.toMatchObject({ code });
      const good: Request = {
        operation: 'gzip-compress',
        session,
        source: put(0, text),
        destination: range(MIB, MIB),
      };
      expect(gunzipSync(output(await queue.submit(good), MIB)).equals(text)).toBe(true);
    });
  });

  it('UNKNOWN_SESSION: none, one of another algorithm, one that was released', async () => {
    await withQueue('gzip', (gzip) =>
      withQueue('zlib', async (zlib) => {
        const request: Request = {
          operation: 'gzip-compress',
          source: put(0, text),
          destination: range(MIB, MIB),
        };
        await expect(gzip.submit(request)).rejects.toMatchObject({ code: 'UNKNOWN_SESSION' });
        const foreign = await zlib.openSession({ level: 1 });
        await expect(gzip.submit({ ...request, session: foreign })).rejects.toMatchObject({
          code: 'UNKNOWN_SESSION',
        });
        await foreign.release();
        await expect(gzip.submit({ ...request, session: foreign })).rejects.toMatchObject({
          code: 'RELEASED',
        });
      }),
    );
  });

  it('WRONG_TAG, with nothing of the plaintext in the destination', async () => {
    await withQueue('aes-256-gcm', async (queue) => {
      const session = await queue.openSession({ key });
      region.buffer.fill(0xee, MIB, 2 * MIB);
      const request: Request = {
        operation: 'aes-256-gcm-decrypt',
        session,
        iv: randomBytes(12),
        tag: randomBytes(16),
        source: put(0, text),
        destination: range(MIB, MIB),
      };
      await expect(queue.submit(request)).rejects.toMatchObject({ code: 'WRONG_TAG' });
      expect(region.buffer.subarray(MIB, 2 * MIB).every((byte) => byte === 0xee)).toBe(true);
    });
  });

  it('a region that was released is refused before it is sent, and its Buffer is harmless', async () => {
    const gone = await connection.share(4096);
    const { buffer } = gone;
    buffer.fill(1);
    await gone.release();
    expect(buffer.every((byte) => byte === 0)).toBe(true);
    await withQueue('crc32', async (queue) => {
      const request: Request = { operation: 'crc32', source: { region: gone, offset: 0, bytes: 10 } };
      await expect(queue.submit(request)).rejects.toMatchObject({ code: 'RELEASED' });
    });
  });

  it('what is asked of the daemon and is not there: a code that names it', async () => {
    const call = (options: Partial<Parameters<Connection['requestQueue']>[0]>) =>
      connection.requestQueue({ algorithm: 'gzip', ...options });
    await expect(call({ algorithm: 'lzma' as 'gzip' })).rejects.toMatchObject({ code: 'NO_SUCH_ALGORITHM' });
    await expect(call({ device: 'soft9' })).rejects.toMatchObject({ code: 'NO_SUCH_DEVICE' });
    await expect(call({ device: 'null0' })).rejects.toMatchObject({ code: 'NO_SUCH_ALGORITHM' });
    await expect(call({ mode: 'direct' })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await expect(call({ depth: 100_000 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(connection.share(0)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(connection.share(2 ** 30 + 1)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(connection.share(2 ** 32 + 4096)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(call({ mode: 'foo' as 'shared' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(connect({ runtimeDir: '/nonexistent' })).rejects.toMatchObject({ code: 'NO_DAEMON' });
    await withQueue('gzip', async (queue) => {
      await expect(queue.openSession({ level: 10 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(() => queue.openSession({ key })).toThrow(/INVALID_ARGUMENT/);
      expect(() => queue.openSession(undefined as never)).toThrow(/nothing given.*INVALID_ARGUMENT/);
      expect(() => queue.recvSync([], undefined as never)).toThrow(/INVALID_ARGUMENT/);
      expect(() => queue.send({ operation: 'md5' as 'nop' })).toThrow(/INVALID_ARGUMENT.*sha-256/);
      const source = { offset: 0, bytes: 1 } as Range;
      expect(() => queue.send({ operation: 'gzip-compress', source })).toThrow(/no region.*INVALID_ARGUMENT/);
    });
  });
});

describe('a queue', () => {
  it('is full at its depth, and takes more when completions were received', async () => {
    const queue = await connection.requestQueue({ algorithm: 'nop', depth: 4 });
    const into: Completion[] = [];
    for (let cookie = 0; cookie < 4; cookie++) expect(queue.send({ operation: 'nop', cookie })).toBe(true);
    expect(queue.send({ operation: 'nop' })).toBe(false);
    const cookies: number[] = [];
    while (cookies.length < 4) {
      const count = await receive(queue, into);
      cookies.push(...into.slice(0, count).map(({ cookie }) => cookie));
    }
    expect(cookies).toEqual([0, 1, 2, 3]);
    expect(queue.inFlight).toBe(0);
    expect(queue.send({ operation: 'nop' })).toBe(true);
    await queue.release();
  });

  it('gives completions to the queue that they belong to, in promises and without, side by side', async () => {
    const plain = await connection.requestQueue({ algorithm: 'nop' });
    const promised = await connection.requestQueue({ algorithm: 'nop' });
    const into: Completion[] = [];
    let received = 0;
    for (let round = 0; round < 200; round++) {
      expect(plain.send({ operation: 'nop', cookie: round })).toBe(true);
      const done = promised.submit({ operation: 'nop', cookie: 0xffff_ffff - round });
      expect((await done).cookie).toBe(0xffff_ffff - round);
      received += plain.recv(into);
    }
    while (received < 200) received += await receive(plain, into);
    expect(received).toBe(200);
    await plain.release();
    await promised.release();
  });

  it.runIf(transport === 'fast-path')(
    'waits without using the processor: under 10 ms of CPU in 2 s',
    async () => {
      const queue = await connection.requestQueue({ algorithm: 'nop' });
      const into: Completion[] = [];
      queue.recvSync(into, 1);
      const before = process.cpuUsage();
      expect(queue.recvSync(into, 2_000)).toBe(0);
      const { user, system } = process.cpuUsage(before);
      expect((user + system) / 1_000).toBeLessThan(10);
      await queue.release();
    },
  );

  it('carries any number of promises, more than the channel has slots', async () => {
    await withQueue('nop', async (queue) => {
      const done = await Promise.all(
        Array.from({ length: 5_000 }, (_, cookie) => queue.submit({ operation: 'nop', cookie })),
      );
      expect(done.map(({ cookie }) => cookie)).toEqual(Array.from({ length: 5_000 }, (_, cookie) => cookie));
    });
  });
});

describe('a client that is killed', () => {
  it('frees everything within a second, in the middle of its requests, and others go on', async () => {
    const before = await connection.status();
    const child = await startClient(
      daemon.runtimeDir,
      `const queue = await connection.requestQueue({ algorithm: 'gzip' });
       const session = await queue.openSession({ level: 9 });
       const region = await connection.share(4 << 20);
       const request = { operation: 'gzip-compress', session,
         source: { region, offset: 0, bytes: 1 << 20 }, destination: { region, offset: 2 << 20, bytes: 2 << 20 } };
       const into = [];
       while (queue.send(request));
       console.log('ready');
       for (;;) { queue.recvSync(into, 1000); while (queue.send(request)); }`,
    );
    expect((await connection.status()).channels).toBe(before.channels + 1);
    child.kill('SIGKILL');
    await ended(child);
    const isAsBefore = async (): Promise<boolean> => {
      const { usage, channels } = await connection.status();
      return channels === before.channels && JSON.stringify(usage) === JSON.stringify(before.usage);
    };
    await eventually('its use is given back', isAsBefore, 1_000);
    await withQueue('nop', async (queue) => {
      expect((await queue.submit({ operation: 'nop' })).code).toBe('OK');
    });
  });
});
