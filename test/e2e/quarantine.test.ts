// A device that fails too often, and a tenant whose requests make it fail: the one is taken out of service, the other is
// named, slowed, stopped.

import { afterEach, describe, expect, it } from 'vitest';
import { connect } from '../../src/client/connect.ts';
import type { Connection } from '../../src/client/connection.ts';
import type { Queue } from '../../src/client/queue.ts';
import type { Region } from '../../src/client/region.ts';
import type { WarpError } from '../../src/shared/errors.ts';
import { eventually, startDaemon, type TestDaemon } from '../fixtures/daemon.ts';

const nobodyIsBlamed = '[limits]\nfaults_slowed = 1_000_000\nfaults_stopped = 1_000_000\n';
const alwaysCrashes = 'driver = "soft"\nqueues = 1\nfaults = { crash_rate = 1 }\n';

let daemon: TestDaemon;
const connections: Connection[] = [];

afterEach(async () => {
  for (const connection of connections.splice(0)) await connection.close();
  expect(await daemon.stop()).toBe(0);
});

async function open(): Promise<Connection> {
  const connection = await connect({ runtimeDir: daemon.runtimeDir });
  connections.push(connection);
  return connection;
}

/** The code that a request ends with. */
async function outcome(queue: Queue, region: Region): Promise<string> {
  const source = { region, offset: 0, bytes: 4096 };
  return queue.submit({ operation: 'crc32', source }).then(
    ({ code }) => code,
    ({ code }: WarpError) => code,
  );
}

async function stateOf(connection: Connection, name: string): Promise<string | undefined> {
  return (await connection.devices()).find((device) => device.name === name)?.state;
}

describe('a device that has lost more hardware queues than it may', () => {
  it('is taken out of service: its queues go on elsewhere, and it is tried again later', async () => {
    daemon = await startDaemon(
      `${nobodyIsBlamed}[devices.bad]\nfailures_max = 1\nretry_seconds = 5\n${alwaysCrashes}` +
        '[devices.good]\ndriver = "soft"\nqueues = 1\n',
    );
    const connection = await open();
    const region = await connection.share(4096);
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    expect(queue.device).toBe('bad');
    // All at once: those that wait when it is taken out move with their queue.
    const codes = await Promise.all(Array.from({ length: 20 }, () => outcome(queue, region)));
    expect(codes.filter((code) => code === 'DEVICE_RESET')).toHaveLength(2);
    expect(codes.filter((code) => code === 'OK')).toHaveLength(18);
    expect(await outcome(queue, region)).toBe('OK');
    expect(await connection.queues()).toMatchObject([{ queue: queue.number, device: 'good' }]);
    if ((await stateOf(connection, 'bad')) === 'DEVICE_STATE_FAILED') {
      const next = await connection.requestQueue({ algorithm: 'crc32' });
      expect(await outcome(next, region)).toBe('OK');
    }
    await daemon.logged(/device in service again/);
    await eventually('it serves', async () => (await stateOf(connection, 'bad')) === 'DEVICE_STATE_READY');
    expect((await connection.requestQueue({ algorithm: 'crc32' })).device).toBe('bad');
  });

  it('fails requests and calls with a code where no other device offers the same', async () => {
    daemon = await startDaemon(
      `${nobodyIsBlamed}[devices.bad]\nfailures_max = 1\nretry_seconds = 3600\n${alwaysCrashes}`,
    );
    const connection = await open();
    const region = await connection.share(4096);
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    const codes = await Promise.all(Array.from({ length: 20 }, () => outcome(queue, region)));
    expect(codes.filter((code) => code === 'DEVICE_RESET')).toHaveLength(2);
    expect(codes.filter((code) => code === 'DEVICE_UNAVAILABLE')).toHaveLength(18);
    expect(await outcome(queue, region)).toBe('DEVICE_UNAVAILABLE');
    expect(await stateOf(connection, 'bad')).toBe('DEVICE_STATE_FAILED');
    await expect(connection.requestQueue({ algorithm: 'crc32' })).rejects.toMatchObject({
      code: 'DEVICE_UNAVAILABLE',
    });
  });
});

describe('a tenant whose requests fault a device', () => {
  it('is named, and stopped; the device goes on', async () => {
    daemon = await startDaemon(
      `[limits]\nfaults_slowed = 2\nfaults_stopped = 3\n[devices.bad]\nfailures_max = 2\n${alwaysCrashes}`,
    );
    const connection = await open();
    const region = await connection.share(4096);
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    const { tenant } = await connection.status();
    for (let fault = 0; fault < 3; fault++)
      expect(['DEVICE_RESET', 'TENANT_STOPPED']).toContain(await outcome(queue, region));
    await daemon.logged(new RegExp(`"tenant":"${tenant}".*tenant stopped`));
    await eventually(
      'its connection is over',
      async () => (await outcome(queue, region)) === 'TENANT_STOPPED',
    );
    await expect(open()).rejects.toMatchObject({ code: 'TENANT_STOPPED' });
    expect(daemon.log()).toMatch(new RegExp(`"tenant":"${tenant}".*a hardware queue was lost`));
    expect(daemon.log()).not.toContain('device out of service');
  });
});
