// Who pays for what: rules, quotas over all processes of a tenant, waiting in line, what a tenant may not have.

import { afterEach, describe, expect, it } from 'vitest';
import { type ConnectOptions, connect } from '../../src/client/connect.ts';
import type { Connection } from '../../src/client/connection.ts';
import { ended, startClient } from '../fixtures/client-process.ts';
import { currentPid, eventually, startDaemon, type TestDaemon } from '../fixtures/daemon.ts';

const ownUid = process.getuid?.() ?? 0;
const isRoot = ownUid === 0;
/** Users that need no entry anywhere. */
const OTHER_UID = 54_321;
const DAEMON_UID = 54_320;

let daemon: TestDaemon | undefined;
const connections: Connection[] = [];

afterEach(async () => {
  for (const connection of connections.splice(0)) await connection.close();
  expect(await daemon?.stop()).toBe(0);
  daemon = undefined;
});

async function start(configuration: string, uid?: number): Promise<TestDaemon> {
  daemon = await startDaemon(configuration, uid === undefined ? {} : { uid });
  return daemon;
}

async function open(options: ConnectOptions = {}): Promise<Connection> {
  const connection = await connect({ runtimeDir: daemon?.runtimeDir ?? '', ...options });
  connections.push(connection);
  return connection;
}

const takeTwo = `
  await connection.requestQueue({ algorithm: 'nop' });
  await connection.requestQueue({ algorithm: 'nop' });
  console.log('ready');
  setInterval(() => {}, 1_000);`;

describe('a quota', () => {
  it('binds all processes of a tenant together, reconnects and a new broker included', async () => {
    const { runtimeDir, pids } = await start(`[tenants.us]\nmatch = [{ uid = ${ownUid} }]\nqueues = 3\n`);
    const other = await startClient(runtimeDir, takeTwo);
    for (let attempt = 0; attempt < 2; attempt++) {
      const connection = await open();
      expect((await connection.status()).tenant).toBe('us');
      await connection.requestQueue({ algorithm: 'nop' });
      await expect(connection.requestQueue({ algorithm: 'nop' })).rejects.toMatchObject({
        code: 'QUOTA_EXCEEDED',
        found: expect.stringContaining('the limit is 3, of which 3 are in use') as string,
        hint: expect.stringContaining('tenants.us.queues') as string,
      });
      await connections.pop()?.close();
    }
    process.kill(pids['broker'] as number, 'SIGKILL');
    await eventually('another broker', () => currentPid(daemon as TestDaemon, 'broker') !== pids['broker']);
    const connection = await open();
    await connection.requestQueue({ algorithm: 'nop' });
    await expect(connection.requestQueue({ algorithm: 'nop' })).rejects.toThrow('QUOTA_EXCEEDED');
    other.kill('SIGKILL');
    await ended(other);
    await eventually('what it had is given back', async () => {
      const usage = (await connection.status()).usage.find(({ resource }) => resource === 'queues');
      return usage?.used === 1;
    });
    await connection.requestQueue({ algorithm: 'nop' });
  });

  it.runIf(isRoot)("is a tenant's own: another user is not touched by it", async () => {
    const { runtimeDir, log } = await start('[limits]\nqueues = 2\n');
    const others = [await startClient(runtimeDir, takeTwo, OTHER_UID)];
    const connection = await open();
    await connection.requestQueue({ algorithm: 'nop' });
    await connection.requestQueue({ algorithm: 'nop' });
    others.push(
      await startClient(
        runtimeDir,
        `const { tenant } = await connection.status();
         const { code } = await connection.requestQueue({ algorithm: 'nop' }).catch((error) => error);
         console.log(tenant === 'default:${OTHER_UID}' && code === 'QUOTA_EXCEEDED' ? 'ready' : tenant + code);
         setInterval(() => {}, 1_000);`,
        OTHER_UID,
      ),
    );
    expect(log()).toMatch(
      new RegExp(`"audit":true,"tenant":"default:${OTHER_UID}","uid":${OTHER_UID}.*refused`),
    );
    for (const other of others) other.kill('SIGKILL');
    await Promise.all(others.map(ended));
  });
});

describe('a call that asks to wait', () => {
  it('waits in line, visibly, and gets its queue when one is released', async () => {
    await start('[limits]\nqueues = 1\n');
    const connection = await open();
    const held = await connection.requestQueue({ algorithm: 'gzip' });
    const waiting = [1, 2].map(() => connection.requestQueue({ algorithm: 'gzip', waitMillis: 60_000 }));
    await eventually('two wait', async () => (await connection.waiting()).length === 2);
    expect(await connection.waiting()).toMatchObject([
      { position: 0, pid: process.pid, algorithm: 'gzip' },
      { position: 1, pid: process.pid, algorithm: 'gzip' },
    ]);
    await held.release();
    const next = await Promise.race(waiting);
    expect(await connection.waiting()).toMatchObject([{ position: 0 }]);
    await next.release();
    await Promise.all(waiting);
  });

  it('waits no longer than its tenant may', async () => {
    await start('[limits]\nqueues = 1\nwait_millis = 50\n');
    const connection = await open();
    await connection.requestQueue({ algorithm: 'gzip' });
    await expect(connection.requestQueue({ algorithm: 'gzip', waitMillis: 60_000 })).rejects.toThrow(
      'none was given back in 50 ms of waiting',
    );
    await expect(connection.requestQueue({ algorithm: 'gzip', waitMillis: -1 })).rejects.toThrow(
      'INVALID_ARGUMENT',
    );
  });

  it('gives its place up when its connection closes', async () => {
    await start('[limits]\nqueues = 1\n');
    const connection = await open();
    const held = await connection.requestQueue({ algorithm: 'gzip' });
    const leaving = await open();
    const wait = leaving.requestQueue({ algorithm: 'gzip', waitMillis: 60_000 });
    wait.catch(() => {});
    await eventually('it waits', async () => (await connection.waiting()).length === 1);
    await connections.pop()?.close();
    await expect(wait).rejects.toBeDefined();
    await eventually('it waits no more', async () => (await connection.waiting()).length === 0);
    await held.release();
    await connection.requestQueue({ algorithm: 'gzip' });
  });
});

describe('a tenant', () => {
  it('is refused what it may not have, by the key that says so', async () => {
    await start(`
      [tenants.narrow]
      match = [{ uid = ${ownUid} }]
      devices = ["soft0"]
      algorithms = ["gzip", "nop"]
      depth = 8
      request_bytes = 1000
    `);
    const connection = await open();
    const queue = await connection.requestQueue({ algorithm: 'gzip' });
    expect(queue).toMatchObject({ device: 'soft0', depth: 8, requestBytesMax: 1_000 });
    const refusals = [
      [{ algorithm: 'gzip', device: 'null0' }, 'PERMISSION_DENIED', 'tenants.narrow.devices'],
      [{ algorithm: 'crc32' }, 'PERMISSION_DENIED', 'tenants.narrow.algorithms'],
      [{ algorithm: 'nop' }, 'NO_SUCH_ALGORITHM', ''],
      [{ algorithm: 'gzip', depth: 9 }, 'QUOTA_EXCEEDED', 'tenants.narrow.depth'],
      [{ algorithm: 'gzip', mode: 'direct' }, 'UNSUPPORTED', ''],
    ] as const;
    for (const [options, code, key] of refusals) {
      await expect(connection.requestQueue(options)).rejects.toMatchObject({
        code,
        hint: expect.stringContaining(key) as string,
      });
    }
  });

  it('can not be declared where the configuration does not allow it', async () => {
    await start('');
    await expect(open({ tenant: 'anybody' })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });

  it.runIf(isRoot)('can be declared in development, by its name, and pays', async () => {
    await start('declared_tenants = true\n[tenants.a]\nqueues = 1\n[tenants.b]\n', DAEMON_UID);
    const a = await open({ tenant: 'a' });
    const b = await open({ tenant: 'b' });
    await a.requestQueue({ algorithm: 'nop' });
    await expect(a.requestQueue({ algorithm: 'nop' })).rejects.toThrow('tenants.a.queues');
    await b.requestQueue({ algorithm: 'nop' });
    const tenants = new Set((await b.queues()).map(({ tenant }) => tenant));
    expect(tenants).toEqual(new Set(['a', 'b']));
    await expect(open({ tenant: 'c' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
