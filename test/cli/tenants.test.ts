import { request } from 'node:http';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatLoad, loadBetween } from '../../src/cli/top.ts';
import { type Connection, connect } from '../../src/client/index.ts';
import { type Picture, WAIT_BUCKETS } from '../../src/shared/picture.ts';
import { startDaemon, type TestDaemon } from '../fixtures/daemon.ts';
import { documentOf, type Outcome, warpctl } from './warpctl.ts';

const COLUMNS_MAX = 80;
const ownUid = process.getuid?.() ?? 0;
/** Chosen by nobody else, as far as one can tell. */
const TCP_PORT = 20_000 + (process.pid % 10_000);

let daemon: TestDaemon;
let connection: Connection;

beforeAll(async () => {
  daemon = await startDaemon(`
    [metrics]
    tcp = "127.0.0.1:${TCP_PORT}"
    [tenants.us]
    match = [{ uid = ${ownUid} }]
    weight = 2.5
    queues = 1
  `);
  connection = await connect({ runtimeDir: daemon.runtimeDir });
  const queue = await connection.requestQueue({ algorithm: 'crc32' });
  const region = await connection.share(4096);
  const source = { region, offset: 0, bytes: 4096 };
  for (let sent = 0; sent < 5; sent++) await queue.submit({ operation: 'crc32', source });
  await connection.requestQueue({ algorithm: 'crc32' }).catch(() => {});
});

afterAll(async () => {
  await connection?.close();
  await daemon?.stop();
});

function ask(...args: string[]): Promise<Outcome> {
  return warpctl(['--runtime-dir', daemon.runtimeDir, ...args]);
}

function get(where: object, path: string): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ ...where, path }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    call.once('error', reject);
    call.end();
  });
}

const overTcp = { host: '127.0.0.1', port: TCP_PORT };

describe('the counters', () => {
  test('are there for Prometheus on a socket that nobody else may open, and over TCP if that is on', async () => {
    const socketPath = join(daemon.runtimeDir, 'metrics.sock');
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
    for (const where of [{ socketPath }, overTcp]) {
      const { status, text } = await get(where, '/metrics');
      expect(status).toBe(200);
      expect(text).toContain('warpdrive_requests_total{tenant="us",device="soft0"} 5\n');
      expect(text).toContain('warpdrive_bytes_total{tenant="us",device="soft0"} 20480\n');
      expect(text).toContain('warpdrive_wait_seconds_count{tenant="us",device="soft0"} 5\n');
      expect(text).toContain(
        'warpdrive_refusals_total{tenant="us",code="QUOTA_EXCEEDED",limit="queues"} 1\n',
      );
      expect(text).toContain('warpdrive_used{tenant="us",resource="queues"} 1\n');
      expect(text).toContain('warpdrive_weight{tenant="us"} 2.5\n');
      expect(text).toContain('warpdrive_device_up{device="soft0"} 1\n');
    }
    expect((await get(overTcp, '/picture')).status).toBe(404);
  });
});

describe('tenants', () => {
  test('are listed with what they have and were refused', async () => {
    const outcome = await ask('tenants');
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    const lines = outcome.stdout.toString().trimEnd().split('\n');
    expect(lines[0]).toMatch(/^TENANT +WEIGHT +CHANNELS +QUEUES +SHARED +IN FLIGHT +IN LINE +REFUSED$/);
    expect(lines[1]).toMatch(/^us +2\.5 +1 +1 +\S+ KiB +0 +0 +1$/);
    expect(documentOf(await ask('tenants', '--json'))).toMatchObject({
      tenants: [{ tenant: 'us', weight: 2.5, refused: 1, used: { queues: { used: 1, limit: 1 } } }],
    });
  });

  test('are not to be had without a daemon, and warpctl says where it looked', async () => {
    const outcome = await warpctl(['--runtime-dir', '/nonexistent', 'tenants']);
    expect(outcome.code).not.toBe(0);
    expect(outcome.stderr).toContain('/nonexistent/metrics.sock');
  });
});

describe('top', () => {
  test('measures once, for people in 80 columns and for machines', async () => {
    const outcome = await ask('top', '--once', '--interval', '50');
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    const lines = outcome.stdout.toString().split('\n');
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(COLUMNS_MAX);
    expect(outcome.stdout.includes('\u001b')).toBe(false);
    expect(documentOf(await ask('top', '--once', '--interval', '50', '--json'))).toMatchObject({
      tenants: [{ tenant: 'us', weight: 2.5, share: 0, requestsPerSecond: 0, waitSecondsP99: null }],
      devices: [{ device: 'soft0', isUp: true }, { device: 'null0' }],
    });
  });

  test('tells shares, rates and waits between two pictures, and holds 80 columns with large numbers', () => {
    const waits = (fast: number, slow: number): number[] => {
      const counts = Array.from({ length: WAIT_BUCKETS }, () => 0);
      counts[3] = fast;
      counts[20] = slow;
      return counts;
    };
    const pictureAt = (heavy: number, light: number): Picture => ({
      usage: [
        { tenant: 'a-tenant-with-a-very-long-name', scale: heavy },
        { tenant: 'light', scale: light },
      ].map(({ tenant, scale }) => ({
        tenant,
        device: 'soft0',
        requests: scale * 100,
        failed: 0,
        bytes: scale * 1e9,
        deviceNanos: scale * 1e8,
        waitMillis: 0,
        waits: waits(scale * 98, scale * 2),
      })),
      accounts: [],
      tenants: [
        { tenant: 'light', weight: 0.25, inFlight: 0 },
        { tenant: 'a-tenant-with-a-very-long-name', weight: 999.99, inFlight: 1_000_000 },
      ],
      refusals: [],
      waitingInLine: [],
      loop: { gapMillis: 0, gaps: [] },
      devices: [
        {
          device: 'soft0',
          isUp: true,
          hardwareQueues: 2,
          queuesLent: 16_384,
          inFlight: 512,
          resets: 123_456,
        },
      ],
    });
    const load = loadBetween(pictureAt(10, 10), pictureAt(40, 20), 2);
    expect(load.tenants).toMatchObject([
      { share: 0.75, requestsPerSecond: 1_500, waitSecondsP50: 8e-6, waitSecondsP99: 2 ** 20 / 1e6 },
      { tenant: 'light', share: 0.25, requestsPerSecond: 500 },
    ]);
    expect(load.devices).toMatchObject([{ busy: 1 }]);
    // An engine that was started again counts from zero.
    expect(loadBetween(pictureAt(40, 20), pictureAt(1, 1), 1).tenants[0]?.requestsPerSecond).toBe(100);
    const widths = formatLoad(load)
      .split('\n')
      .map(({ length }) => length);
    expect(Math.max(...widths)).toBeLessThanOrEqual(COLUMNS_MAX);
  });
});
