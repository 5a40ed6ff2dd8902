// Clients that use things up: what is refused is theirs, and others go on.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../src/client/connect.ts';
import type { Connection } from '../../src/client/connection.ts';
import { WarpError } from '../../src/shared/errors.ts';
import { startDaemon, type TestDaemon } from '../fixtures/daemon.ts';
import { childrenOf } from '../fixtures/processes.ts';
import { RawClient } from '../fixtures/raw-client.ts';

/** Address space that a process may still take. */
const SPARE_BYTES = 8 << 20;

let daemon: TestDaemon;
let neighbour: Connection;

beforeAll(async () => {
  daemon = await startDaemon(
    '[devices.soft0]\ndriver = "soft"\n[devices.null0]\ndriver = "null"\n[limits]\nregions = 20\n',
  );
  neighbour = await connect({ runtimeDir: daemon.runtimeDir });
});
afterAll(async () => {
  await neighbour.close();
  expect(await daemon.stop()).toBe(0);
});

describe('descriptors of the engine', () => {
  it('that run out fail the call that needs one, and no channel ends', async () => {
    const queue = await neighbour.requestQueue({ algorithm: 'nop' });
    const engine = daemon.pids['engine'] as number;
    const open = readdirSync(`/proc/${engine}/fd`).length;
    const [, before] = /Max open files +(\d+)/.exec(readFileSync(`/proc/${engine}/limits`, 'utf8')) ?? [];
    execFileSync('prlimit', ['--pid', String(engine), `--nofile=${open + 4}:`]);
    const regions = [];
    try {
      for (let count = 0; count < 10; count++) regions.push(await neighbour.share(4096));
      expect.unreachable('more regions were shared than the engine has descriptors');
    } catch (error) {
      if (!(error instanceof WarpError)) throw error;
      expect(error.code).toBe('SYSTEM_CALL');
      expect(error.message).toContain('ulimit -n');
    } finally {
      execFileSync('prlimit', ['--pid', String(engine), `--nofile=${before}:`]);
    }
    expect((await queue.submit({ operation: 'nop' })).code).toBe('OK');
    for (const region of regions) await region.release();
    await (await neighbour.share(4096)).release();
    await queue.release();
  });
});

/** All that is below a process, itself included. */
function descendantsOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(descendantsOf)];
}

describe('memory for a region', () => {
  it('that the engine and its workers have not got fails its requests, and no others', async () => {
    const queue = await neighbour.requestQueue({ algorithm: 'crc32', device: 'soft0' });
    const small = await neighbour.share(4096);
    const work = () =>
      queue.submit({ operation: 'crc32', source: { region: small, offset: 0, bytes: 4096 } });
    await work();
    const pids = descendantsOf(daemon.pids['engine'] as number);
    for (const pid of pids) {
      const [, kibibytes] = /^VmSize:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      const bytes = Number(kibibytes) * 1_024 + SPARE_BYTES;
      execFileSync('prlimit', ['--pid', String(pid), `--as=${bytes}:`]);
    }
    try {
      const large = await neighbour.share(8 * SPARE_BYTES);
      const source = { region: large, offset: 0, bytes: 4096 };
      await expect(queue.submit({ operation: 'crc32', source })).rejects.toMatchObject({
        code: 'DEVICE_ERROR',
      });
      expect((await work()).code).toBe('OK');
      await large.release();
    } finally {
      for (const pid of pids) execFileSync('prlimit', ['--pid', String(pid), '--as=unlimited:']);
    }
    expect((await work()).code).toBe('OK');
    await queue.release();
    await small.release();
  });
});

describe('descriptors of the broker', () => {
  it('that run out keep who comes waiting or refused, and who is there works; then it serves again', async () => {
    const queue = await neighbour.requestQueue({ algorithm: 'nop' });
    const broker = daemon.pids['broker'] as number;
    const [, before] = /Max open files +(\d+)/.exec(readFileSync(`/proc/${broker}/limits`, 'utf8')) ?? [];
    const open = readdirSync(`/proc/${broker}/fd`).length;
    execFileSync('prlimit', ['--pid', String(broker), `--nofile=${open + 1}:`]);
    try {
      const options = { runtimeDir: daemon.runtimeDir, timeoutMillis: 1_000 };
      await expect(connect(options)).rejects.toBeInstanceOf(WarpError);
      expect((await queue.submit({ operation: 'nop' })).code).toBe('OK');
      expect((await neighbour.status()).processes.every(({ isConnected }) => isConnected)).toBe(true);
    } finally {
      execFileSync('prlimit', ['--pid', String(broker), `--nofile=${before}:`]);
    }
    const next = await connect({ runtimeDir: daemon.runtimeDir });
    expect(daemon.log()).not.toContain('a process died');
    await next.close();
    await queue.release();
  });
});

describe('a quota', () => {
  it('is named, with its value and its use, when it is reached, and free again after a release', async () => {
    const regions = await Promise.all(Array.from({ length: 20 }, () => neighbour.share(4096)));
    await expect(neighbour.share(4096)).rejects.toMatchObject({
      code: 'QUOTA_EXCEEDED',
      found: 'the limit is 20, of which 20 are in use',
      hint: expect.stringContaining('limits.regions'),
    });
    for (const region of regions) await region.release();
    await (await neighbour.share(4096)).release();
  });
});

describe('a client that asks for lists of many queues, many times at once', () => {
  it('gets them, and the engine goes on serving others', async () => {
    const client = await RawClient.open(daemon.runtimeDir);
    const { channel } = client;
    for (let count = 0; count < 200; count++) {
      await client.control.call('RequestQueue', { channel, algorithm: 'gzip' }, 'request a queue');
    }
    const lists = Array.from({ length: 300 }, () => client.control.call('ListQueues', {}, 'list the queues'));
    const queue = await neighbour.requestQueue({ algorithm: 'nop' });
    expect((await queue.submit({ operation: 'nop' })).code).toBe('OK');
    for (const { queues } of await Promise.all(lists)) expect(queues.length).toBeGreaterThanOrEqual(200);
    await queue.release();
    client.close();
  });
});
