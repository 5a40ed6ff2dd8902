import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Control, unixEndpoint } from '../../src/client/control.ts';
import { redeemToken } from '../../src/client/redeem.ts';
import { FD_SOCKET, GRPC_SOCKET } from '../../src/shared/runtime-paths.ts';
import { Tokens } from '../../src/daemon/broker/tokens.ts';
import { closeAll, openFds } from '../../src/sys/fd.ts';
import { createSocketPair } from '../../src/sys/socket.ts';
import { eventually, startDaemon, type TestDaemon } from '../fixtures/daemon.ts';

const redeemModule = fileURLToPath(new URL('../../dist/src/client/redeem.js', import.meta.url));

let daemon: TestDaemon;
let control: Control;
let fdSocket: string;

beforeAll(async () => {
  daemon = await startDaemon();
  control = new Control(unixEndpoint(join(daemon.runtimeDir, GRPC_SOCKET)), 5_000);
  fdSocket = join(daemon.runtimeDir, FD_SOCKET);
});
afterAll(async () => {
  control.close();
  expect(await daemon.stop()).toBe(0);
});

const expected = { fds: 2, label: 'channel', timeoutMillis: 5_000 };

async function openToken(): Promise<Buffer> {
  return (await control.call('OpenChannel', { slots: 4 }, 'open a channel')).token;
}

async function channels(): Promise<number> {
  return (await control.call('GetStatus', {}, 'read the status')).channels;
}

describe('a token', () => {
  it('is good once', async () => {
    const token = await openToken();
    closeAll(await redeemToken(fdSocket, token, expected));
    await expect(redeemToken(fdSocket, token, expected)).rejects.toMatchObject({ code: 'TOKEN_REFUSED' });
  });

  it('that nobody gave out is refused', async () => {
    await expect(redeemToken(fdSocket, randomBytes(32), expected)).rejects.toMatchObject({
      code: 'TOKEN_REFUSED',
    });
  });

  it('with bytes after it is refused', async () => {
    const token = Buffer.concat([await openToken(), Buffer.of(0)]);
    await expect(redeemToken(fdSocket, token, expected)).rejects.toMatchObject({ code: 'TOKEN_REFUSED' });
  });

  it('is refused to another process, void from then on, and its channel is freed', async () => {
    await eventually('no channel is open', async () => (await channels()) === 0);
    const token = await openToken();
    const script = `
      const { redeemToken } = await import(${JSON.stringify(redeemModule)});
      const token = Buffer.from(${JSON.stringify(token.toString('hex'))}, 'hex');
      await redeemToken(${JSON.stringify(fdSocket)}, token, ${JSON.stringify(expected)})
        .then(() => process.exit(1), (error) => process.exit(error.code === 'TOKEN_REFUSED' ? 42 : 2));`;
    const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', script]);
    expect(status).toBe(42);
    await expect(redeemToken(fdSocket, token, expected)).rejects.toMatchObject({ code: 'TOKEN_REFUSED' });
    await eventually('the channel is freed', async () => (await channels()) === 0);
  });

  it('that is not redeemed in time is refused, and nothing stays open', async () => {
    const before = openFds().get('expiring') ?? 0;
    const tokens = new Tokens(20);
    const owner = { uid: 1, pid: 2, startTicks: '3' };
    const token = tokens.offer(owner, createSocketPair('stream', 'expiring'));
    expect(openFds().get('expiring')).toBe(before + 2);
    await eventually('the descriptors are closed', () => (openFds().get('expiring') ?? 0) === before);
    expect(tokens.redeem(token, owner)).toBeUndefined();
  });

  it.each([
    { uid: 9, pid: 2, startTicks: '3' },
    { uid: 1, pid: 9, startTicks: '3' },
    { uid: 1, pid: 2, startTicks: '9' },
  ])('is refused to whoever differs in one thing: %o', (caller) => {
    const tokens = new Tokens();
    const token = tokens.offer({ uid: 1, pid: 2, startTicks: '3' }, []);
    expect(tokens.redeem(token, caller)).toBeUndefined();
    expect(tokens.redeem(token, { uid: 1, pid: 2, startTicks: '3' })).toBeUndefined();
  });
});

describe('the fd socket', () => {
  it('cuts off who says nothing, and goes on serving others', async () => {
    const silent = connectSocket(fdSocket);
    const closed = new Promise((resolve) => {
      silent.once('close', resolve);
    });
    closeAll(await redeemToken(fdSocket, await openToken(), expected));
    await closed;
  });

  it('refuses more connections of one user than it may have, and serves again when they are gone', async () => {
    const flood = Array.from({ length: 200 }, () => connectSocket(fdSocket).on('error', () => {}));
    await Promise.all(flood.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    closeAll(await redeemToken(fdSocket, await openToken(), expected));
  });
});
