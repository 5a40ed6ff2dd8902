// A daemon where nothing more can be written: its runtime folder is full, or its log goes nowhere. The full disk is a real one,
// which takes root.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, openSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../src/client/connect.ts';
import { daemonMain, eventually, startDaemon, type TestDaemon } from '../fixtures/daemon.ts';
import { daemonRoles, findRole } from '../fixtures/processes.ts';

describe.runIf(process.getuid?.() === 0)('a daemon whose runtime folder is full', () => {
  const outside = process.env['TMPDIR'];
  let disk: string;
  let daemon: TestDaemon;

  beforeEach(async () => {
    disk = mkdtempSync(join(tmpdir(), 'warpdrive-test-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
    process.env['TMPDIR'] = disk;
    daemon = await startDaemon();
  });

  afterEach(async () => {
    await daemon.stop();
    if (outside === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = outside;
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  });

  it('serves new clients, and goes on where any part is killed', { timeout: 120_000 }, async () => {
    expect(() => writeFileSync(join(disk, 'filler'), Buffer.alloc(2 << 20))).toThrow(/ENOSPC/);
    expect(statfsSync(disk).bfree).toBe(0);
    const supervisor = daemon.process.pid as number;
    const connection = await connect({ runtimeDir: daemon.runtimeDir });
    const queue = await connection.requestQueue({ algorithm: 'nop' });
    for (const role of daemonRoles) {
      const pid = findRole(supervisor, role) as number;
      process.kill(pid, 'SIGKILL');
      await eventually(
        `the ${role} is another process`,
        () => ![undefined, pid].includes(findRole(supervisor, role)),
      );
      expect((await queue.submit({ operation: 'nop' })).code).toBe('OK');
      await (await connect({ runtimeDir: daemon.runtimeDir })).close();
    }
    await connection.close();
  });
});

describe('a daemon whose log can not be written', () => {
  it('serves all the same, and stops in order', async () => {
    const runtimeDir = mkdtempSync(join(tmpdir(), 'warpdrive-test-'));
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [daemonMain, '--runtime-dir', runtimeDir], {
      stdio: ['ignore', 'pipe', full],
    });
    const ended = new Promise<number | null>((resolve) => {
      child.once('exit', resolve);
    });
    try {
      await Promise.race([
        new Promise((resolve) => {
          child.stdout?.once('data', resolve);
        }),
        ended.then((code) => expect.unreachable(`it ended with ${code}`)),
      ]);
      const connection = await connect({ runtimeDir });
      const queue = await connection.requestQueue({ algorithm: 'nop' });
      expect((await queue.submit({ operation: 'nop' })).code).toBe('OK');
      await connection.close();
    } finally {
      child.kill('SIGTERM');
    }
    expect(await ended).toBe(0);
    rmSync(runtimeDir, { recursive: true });
  });
});
