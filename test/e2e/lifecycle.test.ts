// The daemon as a whole: starting, stopping, one at a time, and what happens when a part of it dies.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Connection } from '../../src/client/connection.ts';
import { currentPid, daemonMain, eventually } from '../fixtures/daemon.ts';
import { open, start, stopAfterEach } from '../fixtures/each-daemon.ts';

stopAfterEach();

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

async function gzipWorks(connection: Connection): Promise<void> {
  const queue = await connection.requestQueue({ algorithm: 'gzip' });
  const session = await queue.openSession({ level: 1 });
  const region = await connection.share(100_000);
  region.buffer.fill('abcdefgh', 0, 50_000);
  const { produced } = await queue.submit({
    operation: 'gzip-compress',
    session,
    source: { region, offset: 0, bytes: 50_000 },
    destination: { region, offset: 50_000, bytes: 50_000 },
  });
  const output = gunzipSync(region.buffer.subarray(50_000, 50_000 + produced));
  expect(output.equals(region.buffer.subarray(0, 50_000))).toBe(true);
  await region.release();
  await queue.release();
}

describe('the daemon', () => {
  it('stops in order on SIGTERM: exit code 0, no process and no socket left', async () => {
    const started = await start();
    await gzipWorks(await open(started));
    expect(await started.stop()).toBe(0);
    for (const pid of Object.values(started.pids)) expect(isAlive(pid)).toBe(false);
    expect(started.log()).not.toContain('"level":50');
  });

  it('finishes what is in flight before it stops', async () => {
    const started = await start(
      '[devices.soft0]\ndriver = "soft"\n[devices.soft0.faults]\ndelay_millis = 300\n',
    );
    const connection = await open(started);
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    const region = await connection.share(4096);
    const source = { region, offset: 0, bytes: 4096 };
    const results = [1, 2, 3].map(() => queue.submit({ operation: 'crc32', source }));
    await eventually(
      'requests are inside the device',
      async () => (await connection.devices())[0]?.inFlight !== 0,
    );
    started.process.kill('SIGTERM');
    for (const { code } of await Promise.all(results)) expect(code).toBe('OK');
    expect(await started.stop()).toBe(0);
  });

  it('stops at once on a second SIGTERM', async () => {
    const started = await start(
      '[devices.soft0]\ndriver = "soft"\n[devices.soft0.faults]\nhang_rate = 1.0\n',
    );
    const connection = await open(started);
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    const region = await connection.share(4096);
    const result = queue.submit({ operation: 'crc32', source: { region, offset: 0, bytes: 4096 } });
    result.catch(() => {});
    await eventually('the request hangs', async () => (await connection.devices())[0]?.inFlight === 1);
    started.process.kill('SIGTERM');
    await started.logged(/"name":"broker".*stopping/);
    started.process.kill('SIGTERM');
    expect(await started.stop()).toBe(1);
    await eventually('no process is left', () => !Object.values(started.pids).some(isAlive));
  });

  it('is refused where another serves the same sockets, with its process number, and the first goes on', async () => {
    const started = await start();
    const second = spawnSync(process.execPath, [daemonMain, '--runtime-dir', started.runtimeDir], {
      encoding: 'utf8',
    });
    expect(second.status).toBe(3);
    expect(second.stderr).toContain(`process ${started.pids['custodian']}`);
    expect(second.stderr).toContain('ALREADY_RUNNING');
    await gzipWorks(await open(started));
  });

  it('leaves no process when its supervisor is killed', async () => {
    const started = await start();
    started.process.kill('SIGKILL');
    await eventually('no process is left', () => !Object.values(started.pids).some(isAlive));
  });

  it('refuses a configuration that is not valid, naming file, key, value and what was expected', () => {
    const folder = mkdtempSync(join(tmpdir(), 'warpdrive-test-'));
    const path = join(folder, 'warpdrived.toml');
    const check = (text: string): { status: number | null; stderr: string } => {
      writeFileSync(path, text);
      return spawnSync(process.execPath, [daemonMain, '--check-config', path], { encoding: 'utf8' });
    };
    expect(check('[devices.a]\ndriver = "null"\n').status).toBe(0);
    const wrong = check('[devices.a]\ndriver = "soft"\nqueues = 0\n');
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toContain(`${path}: devices.a.queues = 0`);
    expect(check('[devices.a]\ndriver = "warp"\n').stderr).toContain('devices.a.driver');
    expect(check('[limits]\nquues = 3\n').stderr).toContain('quues');
    expect(check('devices = [').stderr).toContain('line 1');
    rmSync(folder, { recursive: true });
  });
});

describe('when a part of the daemon is killed', () => {
  it('the custodian: it is started again and clients notice nothing', async () => {
    const started = await start();
    const connection = await open(started);
    process.kill(started.pids['custodian'] as number, 'SIGKILL');
    await gzipWorks(connection);
    await started.logged(/"role":"custodian","pid":\d+,"msg":"started again"/);
    await eventually('new clients are identified again', async () => {
      try {
        await gzipWorks(await open(started));
        return true;
      } catch {
        return false;
      }
    });
  });

  it.each(['engine', 'broker'])(
    'the %s: the SDK sets up again, regions keep address and contents',
    async (role) => {
      const started = await start();
      const connection = await open(started);
      const queue = await connection.requestQueue({ algorithm: 'crc32' });
      const region = await connection.share(1 << 20);
      const { buffer } = region;
      buffer.fill('what must not be lost ');
      const request = { operation: 'crc32', source: { region, offset: 0, bytes: 1 << 20 } } as const;
      const { result } = await queue.submit(request);
      for (let round = 0; round < 2; round++) {
        process.kill(currentPid(started, role), 'SIGKILL');
        const again = async (): Promise<boolean> => {
          try {
            return (await queue.submit(request)).result === result;
          } catch (error) {
            expect(error).toMatchObject({ code: 'INTERRUPTED' });
            return false;
          }
        };
        await eventually('the queue serves again', again);
        expect(buffer.subarray(0, 22).toString()).toBe('what must not be lost ');
        const pattern = new RegExp(`"role":"${role}","pid":\\d+,"msg":"started again"`, 'g');
        await eventually(
          'the restart is logged',
          () => (started.log().match(pattern) ?? []).length === round + 1,
        );
      }
      await gzipWorks(connection);
    },
  );

  it('all of it, by a stop and a new start: the SDK connects again when it is back', async () => {
    const first = await start();
    const connection = await open(first);
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    const region = await connection.share(4096);
    region.buffer.fill(7);
    const request = { operation: 'crc32', source: { region, offset: 0, bytes: 4096 } } as const;
    const { result } = await queue.submit(request);
    for (const pid of [first.process.pid as number, ...Object.values(first.pids)])
      process.kill(pid, 'SIGKILL');
    await eventually('all are gone', () => !Object.values(first.pids).some(isAlive));
    const restarted = spawnDaemonIn(first.runtimeDir);
    try {
      await eventually(
        'the queue serves again',
        async () => {
          const completion = await queue.submit(request).catch(() => undefined);
          return completion?.result === result;
        },
        20_000,
      );
    } finally {
      restarted.kill('SIGTERM');
      await new Promise((resolve) => {
        restarted.once('exit', resolve);
      });
    }
  });
});

function spawnDaemonIn(runtimeDir: string): ChildProcess {
  return spawn(process.execPath, [daemonMain, '--runtime-dir', runtimeDir, '--log-level', 'warn'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
