import { createHash, randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type Connection, encrypt, gunzip, gzip, hash, type WarpError } from '../../src/client/index.ts';
import { connectTo, type ReachableDaemon, startReachableDaemon } from '../fixtures/transport.ts';

const data = randomBytes(2 ** 20);

async function withDaemon(
  faults: string,
  work: (connection: Connection, daemon: ReachableDaemon) => Promise<void>,
): Promise<void> {
  const daemon = await startReachableDaemon(`
[limits]
faults_slowed = 1_000_000
faults_stopped = 1_000_000
[devices.soft0]
driver = "soft"
failures_max = 0
queues = 2
[devices.soft0.faults]
${faults}
`);
  const connection = await connectTo(daemon);
  try {
    await work(connection, daemon);
  } finally {
    await connection.close();
    await daemon.stop();
  }
}

test('a device that crashes now and then costs time and nothing else', async () => {
  await withDaemon('crash_rate = 0.05', async (connection) => {
    const compressed = await gzip(connection, data);
    expect(gunzipSync(compressed.data).equals(data)).toBe(true);
    expect((await gunzip(connection, compressed.data)).data.equals(data)).toBe(true);
  });
});

test('a request at which the device always crashes is given up after some tries', async () => {
  await withDaemon('crash_rate = 1', async (connection) => {
    const failure: WarpError = await hash(connection, 'sha-256', data).then(
      () => expect.fail('it must fail'),
      (error: WarpError) => error,
    );
    expect(failure.code).toBe('DEVICE_RESET');
    const [device] = (await connection.devices()).filter(({ driver }) => driver === 'soft');
    expect(device?.resets).toBe(4);
  });
});

test('errors of the device are told, and not tried again', async () => {
  await withDaemon('error_rate = 1', async (connection) => {
    await expect(gzip(connection, data)).rejects.toMatchObject({ code: 'DEVICE_ERROR' });
    await expect(gunzip(connection, (await import('node:zlib')).gzipSync(data))).rejects.toMatchObject({
      code: 'DEVICE_ERROR',
    });
  });
});

test('work goes on when the engine is killed in the middle of it', async () => {
  await withDaemon('delay_millis = 5', async (connection, daemon) => {
    const large = randomBytes(8 * 2 ** 20);
    const working = Promise.all([
      gzip(connection, large, { level: 1 }),
      hash(connection, 'sha-256', data),
      gzip(connection, data, { level: 1 }),
    ]);
    await gzip(connection, Buffer.alloc(10));
    process.kill(daemon.pids['engine'] ?? 0, 'SIGKILL');
    const [first, digest, second] = await working;
    expect(gunzipSync(first.data).equals(large)).toBe(true);
    expect(digest.data.equals(createHash('sha256').update(data).digest())).toBe(true);
    expect(gunzipSync(second.data).equals(data)).toBe(true);
  });
});

test('keys are with the daemon while they are used, and not longer', async () => {
  await withDaemon('', async (connection) => {
    const options = { algorithm: 'aes-256-gcm', key: randomBytes(32), iv: randomBytes(12) } as const;
    const sessions = async (): Promise<number> =>
      (await connection.status()).usage
        .filter(({ resource }) => resource === 'sessions')
        .reduce((sum, { used }) => sum + used, 0);
    await gzip(connection, data);
    const before = await sessions();
    expect(before).toBe(1);
    await Promise.all(Array.from({ length: 5 }, () => encrypt(connection, options, data)));
    expect(await sessions()).toBe(before);
  });
});

test('helpers of a connection that was closed say so', async () => {
  await withDaemon('', async (connection) => {
    await gzip(connection, data);
    const working = gzip(connection, data);
    await connection.close();
    await expect(working).rejects.toMatchObject({ code: 'RELEASED' });
    await expect(gzip(connection, data)).rejects.toMatchObject({ code: 'RELEASED' });
    await expect(hash(connection, 'sha-512', data)).rejects.toMatchObject({ code: 'RELEASED' });
  });
});
