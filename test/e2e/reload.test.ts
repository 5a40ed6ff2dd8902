// Another configuration while clients run: what changes holds at once, nobody loses what it has, and a file that is not
// valid changes nothing. And what an administrator takes back.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { readPicture } from '../../src/cli/picture.ts';
import { Administration } from '../../src/client/administration.ts';
import { connect } from '../../src/client/connect.ts';
import type { Connection } from '../../src/client/connection.ts';
import { WarpError } from '../../src/shared/errors.ts';
import { currentPid, eventually, startDaemon, type TestDaemon } from '../fixtures/daemon.ts';

const ownUid = process.getuid?.() ?? 0;

let daemon: TestDaemon;
let administration: Administration;
const connections: Connection[] = [];

afterEach(async () => {
  for (const connection of connections.splice(0)) await connection.close();
  administration.close();
  expect(await daemon.stop()).toBe(0);
});

async function start(configuration: string): Promise<Connection> {
  daemon = await startDaemon(configuration);
  administration = new Administration({ runtimeDir: daemon.runtimeDir });
  return open();
}

async function open(): Promise<Connection> {
  const connection = await connect({ runtimeDir: daemon.runtimeDir });
  connections.push(connection);
  return connection;
}

function write(configuration: string): void {
  writeFileSync(join(daemon.runtimeDir, 'warpdrived.toml'), configuration);
}

const reload = (isDryRun = false) => administration.reload(isDryRun);

const ask = (connection: Connection, waitMillis = 0) =>
  connection.requestQueue({ algorithm: 'nop', waitMillis });

describe('a reload', () => {
  it('takes nothing away where a quota falls below what is in use: who comes waits until there is room', async () => {
    const connection = await start('[limits]\nqueues = 3\n');
    const queues = [await ask(connection), await ask(connection), await ask(connection)];
    write('[limits]\nqueues = 2\n');
    expect(await reload()).toEqual(['~ limits.queues: 3 -> 2']);
    for (const queue of queues) expect((await queue.submit({ operation: 'nop' })).code).toBe('OK');
    await queues[0]?.release();
    await expect(ask(connection)).rejects.toMatchObject({
      code: 'QUOTA_EXCEEDED',
      found: expect.stringContaining('the limit is 2, of which 2 are in use') as string,
    });
    const waiting = ask(connection, 60_000);
    await eventually('it waits', async () => (await connection.waiting()).length === 1);
    write('[limits]\nqueues = 3\n');
    await reload();
    expect((await (await waiting).submit({ operation: 'nop' })).code).toBe('OK');
  });

  it('on SIGHUP to the daemon changes limits in the engine too, at once and on open channels', async () => {
    const connection = await start('');
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    const region = await connection.share(4096);
    const submit = (): Promise<{ code: string }> =>
      queue.submit({ operation: 'crc32', source: { region, offset: 0, bytes: 4096 } });
    expect((await submit()).code).toBe('OK');
    write('[limits]\nrequest_bytes = 1000\nweight = 7\n');
    process.kill(daemon.process.pid as number, 'SIGHUP');
    await daemon.logged(/"audit":true,"by":"SIGHUP","changes":\[.*configuration reloaded/);
    await eventually('it holds in the engine', async () => {
      const outcome = await submit().catch((error: unknown) => error);
      return outcome instanceof WarpError && outcome.code === 'TOO_LARGE';
    });
    const { tenants } = await readPicture(daemon.runtimeDir, 5_000);
    expect(tenants).toMatchObject([{ weight: 7, inFlight: 0 }]);
  });

  it('tells what would change, and changes nothing, when it is dry', async () => {
    const connection = await start('[limits]\nqueues = 1\n');
    write('[limits]\nqueues = 5\n[devices.other]\ndriver = "null"\n');
    const changes = await reload(true);
    expect(changes).toContain('~ limits.queues: 1 -> 5');
    expect(changes).toContainEqual(expect.stringMatching(/^! devices .* engine is started again/));
    expect((await connection.status()).usage.find(({ resource }) => resource === 'queues')?.limit).toBe(1);
    await reload();
    expect((await connection.status()).usage.find(({ resource }) => resource === 'queues')?.limit).toBe(5);
    expect((await connection.devices()).map(({ name }) => name)).toEqual(['soft0', 'null0']);
  });

  it('of a file that is not valid changes nothing, and tells why', async () => {
    const connection = await start('[limits]\nqueues = 1\n');
    write('[limits]\nquues = 9\n');
    await expect(reload()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      found: expect.stringContaining('limits.quues: unknown key; did you mean "queues"?') as string,
    });
    process.kill(daemon.process.pid as number, 'SIGHUP');
    await daemon.logged(/did you mean.*was not reloaded/);
    await ask(connection);
    await expect(ask(connection)).rejects.toThrow('the limit is 1');
  });

  it('is refused while another is under way', async () => {
    await start('');
    write('[limits]\nqueues = 5\n');
    const both = await Promise.allSettled([reload(), reload()]);
    expect(both).toMatchObject([
      { status: 'fulfilled', value: ['~ limits.queues: 16384 -> 5'] },
      { status: 'rejected', reason: { code: 'RELOADING' } },
    ]);
  });

  it('that removes a tenant leaves it what it has; it may then what everybody may', async () => {
    const connection = await start(`[tenants.us]\nmatch = [{ uid = ${ownUid} }]\nqueues = 2\n`);
    const queues = [await ask(connection), await ask(connection)];
    write('[limits]\nqueues = 3\n');
    await reload();
    for (const queue of queues) expect((await queue.submit({ operation: 'nop' })).code).toBe('OK');
    await ask(connection);
    await expect(ask(connection)).rejects.toMatchObject({
      found: expect.stringContaining('the limit is 3') as string,
      hint: expect.stringContaining('limits.queues') as string,
    });
    const next = await open();
    expect((await next.status()).tenant).toBe(`default:${ownUid}`);
  });
});

describe('a custodian that is started again', () => {
  it('goes on with the configuration in force where the file is broken, and says so', async () => {
    const connection = await start('[limits]\nqueues = 1\n');
    write('this is not TOML');
    const before = currentPid(daemon, 'custodian');
    process.kill(before, 'SIGKILL');
    await daemon.logged(/going on with the one that was in force/);
    await eventually('it serves', () => currentPid(daemon, 'custodian') !== before);
    const next = await open();
    expect((await next.status()).usage.find(({ resource }) => resource === 'queues')?.limit).toBe(1);
    await ask(connection);
    await expect(ask(connection)).rejects.toThrow('the limit is 1');
  });
});

describe('a channel that is taken back', () => {
  it('ends with a code that its client sees', async () => {
    const connection = await start('');
    const queue = await ask(connection);
    const channel = (await connection.queues())[0]?.channel ?? 0;
    await administration.revoke(channel);
    await eventually('its client knows', async () => {
      const outcome = await queue.submit({ operation: 'nop' }).catch((error: unknown) => error);
      return outcome instanceof WarpError && outcome.code === 'REVOKED';
    });
  });

  it('may finish within its grace period what was taken from it', async () => {
    const connection = await start(
      '[devices.soft0]\ndriver = "soft"\nqueues = 1\nfaults = { delay_millis = 300 }\n',
    );
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    const region = await connection.share(4096);
    const source = { region, offset: 0, bytes: 4096 };
    const results = [1, 2].map(() => queue.submit({ operation: 'crc32', source }));
    await eventually('they were taken', async () => (await connection.queues())[0]?.inFlight === 2);
    const channel = (await connection.queues())[0]?.channel ?? 0;
    await administration.revoke(channel, 0, 20_000);
    for (const { code } of await Promise.all(results)) expect(code).toBe('OK');
    await eventually('it ends', async () => {
      const outcome = await queue.submit({ operation: 'crc32', source }).catch((error: unknown) => error);
      return outcome instanceof WarpError && outcome.code === 'REVOKED';
    });
  });
});
