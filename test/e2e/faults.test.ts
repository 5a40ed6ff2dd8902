// A device that fails: errors, hangs, crashes, on purpose by configuration and by kill.

import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { connect } from '../../src/client/connect.ts';
import type { Connection } from '../../src/client/connection.ts';
import { WarpError } from '../../src/shared/errors.ts';
import { eventually, startDaemon, type TestDaemon } from '../fixtures/daemon.ts';

let daemon: TestDaemon | undefined;
let connection: Connection | undefined;

afterEach(async () => {
  await connection?.close();
  await daemon?.stop();
  connection = undefined;
  daemon = undefined;
});

/** However many faults there are, nobody is blamed. */
const patience = '[limits]\nfaults_slowed = 1_000_000\nfaults_stopped = 1_000_000\n';

async function start(device: string): Promise<{ daemon: TestDaemon; connection: Connection }> {
  daemon = await startDaemon(`${patience}[devices.soft0]\ndriver = "soft"\nfailures_max = 0\n${device}`);
  connection = await connect({ runtimeDir: daemon.runtimeDir });
  return { daemon, connection };
}

/** Submits `count` requests at once; how many ended with each code. */
async function outcomes(connection: Connection, count: number): Promise<Record<string, number>> {
  const queue = await connection.requestQueue({ algorithm: 'crc32' });
  const region = await connection.share(4096);
  const request = { operation: 'crc32', source: { region, offset: 0, bytes: 4096 } } as const;
  const codes: Record<string, number> = {};
  const settled = Array.from({ length: count }, () =>
    queue.submit(request).then(
      ({ code }) => code,
      (error: WarpError) => error.code,
    ),
  );
  for (const code of await Promise.all(settled)) codes[code] = (codes[code] ?? 0) + 1;
  await region.release();
  await queue.release();
  return codes;
}

/** Process numbers of the workers that this engine has started. */
function workers(engine: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]) === engine;
      } catch {
        return false;
      }
    });
}

describe('a device', () => {
  it('that reports errors fails those requests only', async () => {
    const { connection } = await start('[devices.soft0.faults]\nerror_rate = 0.5\n');
    const codes = await outcomes(connection, 200);
    expect((codes['OK'] ?? 0) + (codes['DEVICE_ERROR'] ?? 0)).toBe(200);
    expect(codes['OK']).toBeGreaterThan(20);
    expect(codes['DEVICE_ERROR']).toBeGreaterThan(20);
  });

  it('that crashes fails the request that it ran, and runs all others', async () => {
    const { connection } = await start('queues = 2\n[devices.soft0.faults]\ncrash_rate = 0.1\n');
    const codes = await outcomes(connection, 60);
    expect((codes['OK'] ?? 0) + (codes['DEVICE_RESET'] ?? 0)).toBe(60);
    expect(codes['OK']).toBeGreaterThan(20);
    const [device] = await connection.devices();
    expect(device?.resets).toBeGreaterThanOrEqual(codes['DEVICE_RESET'] ?? 0);
  });

  it('that hangs is reset after the time limit: the hung requests get a code, the rest goes on', async () => {
    const { connection } = await start(
      'queues = 2\nrequest_millis_max = 100\n[devices.soft0.faults]\nhang_rate = 0.2\n',
    );
    const codes = await outcomes(connection, 30);
    expect((codes['OK'] ?? 0) + (codes['DEVICE_TIMEOUT'] ?? 0)).toBe(30);
    expect(codes['OK']).toBeGreaterThan(5);
  });

  it('whose workers are killed in the middle of requests: those get a code, the rest goes on', async () => {
    const { daemon, connection } = await start('queues = 2\n[devices.soft0.faults]\ndelay_millis = 20\n');
    const engine = daemon.pids['engine'] as number;
    expect(workers(engine)).toHaveLength(2);
    const running = outcomes(connection, 40);
    for (let round = 0; round < 3; round++) {
      await eventually('a request runs', async () => ((await connection.devices())[0]?.inFlight ?? 0) > 0);
      const [victim] = workers(engine);
      if (victim !== undefined) process.kill(victim, 'SIGKILL');
      await eventually('it was noticed', async () => ((await connection.devices())[0]?.resets ?? 0) > round);
    }
    const codes = await running;
    expect((codes['OK'] ?? 0) + (codes['DEVICE_RESET'] ?? 0)).toBe(40);
    expect(codes['DEVICE_RESET'] ?? 0).toBeLessThanOrEqual(3);
    expect(await outcomes(connection, 4)).toEqual({ OK: 4 });
  });

  it('whose worker was killed keeps regions and sessions that were opened before', async () => {
    const { daemon, connection } = await start('queues = 1\n');
    const queue = await connection.requestQueue({ algorithm: 'gzip' });
    const session = await queue.openSession({ level: 6 });
    const region = await connection.share(8192);
    const request = {
      operation: 'gzip-compress',
      session,
      source: { region, offset: 0, bytes: 4096 },
      destination: { region, offset: 4096, bytes: 4096 },
    } as const;
    const { produced } = await queue.submit(request);
    for (const pid of workers(daemon.pids['engine'] as number)) process.kill(pid, 'SIGKILL');
    await eventually('it was noticed', async () => ((await connection.devices())[0]?.resets ?? 0) > 0);
    expect((await queue.submit(request)).produced).toBe(produced);
  });

  it('that takes long keeps nobody waiting who opens a queue on another one meanwhile, or gives the queue back', async () => {
    const { connection } = await start(
      'queues = 1\nrequest_millis_max = 60_000\n[devices.soft0.faults]\ndelay_millis = 20_000\n[devices.null0]\ndriver = "null"\n',
    );
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    const bytes = 256 * 1024;
    const source = { region: await connection.share(bytes), offset: 0, bytes };
    const submit = () => queue.submit({ operation: 'crc32', source }).catch((error: unknown) => error);
    let isSlowDone = false;
    const slow = submit().then(() => (isSlowDone = true));
    // With this in the device the engine sleeps, and asks nobody to ring.
    await eventually('it runs', async () => (await connection.devices())[0]?.inFlight === 1);
    const second = submit();
    const other = await connection.requestQueue({ algorithm: 'nop' });
    expect((await other.submit({ operation: 'nop' })).code).toBe('OK');
    const third = submit();
    await queue.release();
    for (const waiting of [second, third])
      expect(await waiting).toMatchObject({ code: 'CANCELLED', ran: 'no' });
    expect(isSlowDone).toBe(false);
    await connection.close();
    await slow;
  });
});
