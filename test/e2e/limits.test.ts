// What a tenant may send, kept by the engine: requests in flight, their rate, their estimated time. What is over a
// limit waits in its ring or is refused, and nothing is lost.

import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it, test } from 'vitest';
import { connect } from '../../src/client/connect.ts';
import type { Connection } from '../../src/client/connection.ts';
import type { Queue } from '../../src/client/queue.ts';
import { GRPC_SOCKET } from '../../src/shared/runtime-paths.ts';
import { startDaemon, type TestDaemon } from '../fixtures/daemon.ts';

let daemon: TestDaemon | undefined;
const connections: Connection[] = [];

afterEach(async () => {
  for (const connection of connections.splice(0)) await connection.close();
  expect(await daemon?.stop()).toBe(0);
  daemon = undefined;
});

async function open(configuration: string): Promise<Connection> {
  daemon ??= await startDaemon(configuration);
  const connection = await connect({ runtimeDir: daemon.runtimeDir });
  connections.push(connection);
  return connection;
}

const nops = (queue: Queue, count: number): Promise<{ readonly code: string }[]> =>
  Promise.all(Array.from({ length: count }, () => queue.submit({ operation: 'nop' })));

describe('a tenant that sends more than it may', () => {
  it('waits for its own requests, on all its channels, and gets all of them done', async () => {
    const first = await open(
      '[devices.soft0]\ndriver = "soft"\nqueues = 1\n[devices.null0]\ndriver = "null"\n[limits]\nin_flight = 3\n',
    );
    const connections = [first, await open(''), await open('')];
    const queues = await Promise.all(
      connections.map((connection) => connection.requestQueue({ algorithm: 'nop' })),
    );
    const completed = (await Promise.all(queues.map((queue) => nops(queue, 200)))).flat();
    expect(completed.filter(({ code }) => code === 'OK')).toHaveLength(600);
  });

  it('waits for its rate of requests: over any time it has no more than that, and a burst', async () => {
    const connection = await open('[limits]\nops_per_second = 100\nops_burst = 5\n');
    const queue = await connection.requestQueue({ algorithm: 'nop' });
    const startMillis = performance.now();
    const completed = await nops(queue, 45);
    expect(completed.every(({ code }) => code === 'OK')).toBe(true);
    // Five are saved up, and one may overdraw the bucket: 39 are paid for, 10 ms each. The round that took the first
    // may have begun a moment before it was sent.
    expect(performance.now() - startMillis).toBeGreaterThan(385);
  });

  it('waits for its rate of bytes, whatever the size of one request', async () => {
    const connection = await open('[limits]\nbytes_per_second = 1_000_000\nbytes_burst = 1_000\n');
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    const region = await connection.share(100_000);
    const startMillis = performance.now();
    for (let sent = 0; sent < 5; sent++) {
      const { code } = await queue.submit({
        operation: 'crc32',
        source: { region, offset: 0, bytes: 100_000 },
      });
      expect(code).toBe('OK');
    }
    // The first four have to be paid for before the fifth, but for the burst: 399 ms.
    expect(performance.now() - startMillis).toBeGreaterThan(395);
  });

  it('is refused a request that would keep a device for too long, and may send others', async () => {
    // Before anything was measured a byte is taken to cost 5 ns: 20 MB, 100 ms.
    const connection = await open(
      '[devices.soft0]\ndriver = "soft"\nqueues = 1\n[limits]\nrequest_millis = 20\n',
    );
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    const region = await connection.share(20_000_000);
    const submit = (bytes: number): Promise<unknown> =>
      queue.submit({ operation: 'crc32', source: { region, offset: 0, bytes } });
    await expect(submit(20_000_000)).rejects.toMatchObject({ code: 'TOO_LARGE' });
    await expect(submit(100)).resolves.toMatchObject({ code: 'OK' });
  });
});

test('a user with as many connections as it may have is told so, not that nobody answers', async () => {
  const connection = await open('[limits]\nchannels = 1\n');
  const { runtimeDir } = daemon as TestDaemon;
  const path = join(runtimeDir, GRPC_SOCKET);
  // 64 more than there may be channels, of which one has its own.
  const sockets = await Promise.all(
    Array.from({ length: 64 }, async () => {
      const socket = connectSocket(path);
      await once(socket, 'connect');
      return socket;
    }),
  );
  await expect(connect({ runtimeDir, timeoutMillis: 500 })).rejects.toMatchObject({
    code: 'NO_DAEMON',
    found: `${path} takes the connection and closes it`,
    hint: expect.stringContaining('as many connections') as string,
  });
  for (const socket of sockets) socket.destroy();
  expect((await connection.status()).tenant).toMatch(/^default:/);
});
