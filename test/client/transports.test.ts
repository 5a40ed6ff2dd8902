// Which way connect() takes, and what happens on gRPC when a part of the daemon is lost.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../src/client/connect.ts';
import { eventually } from '../fixtures/daemon.ts';
import { startTlsDaemon } from '../fixtures/transport.ts';

const sdk = fileURLToPath(new URL('../../dist/src/client/index.js', import.meta.url));

let daemon: Awaited<ReturnType<typeof startTlsDaemon>>;

beforeAll(async () => {
  daemon = await startTlsDaemon();
});
afterAll(async () => {
  expect(await daemon.stop()).toBe(0);
});

test('shared memory comes first, TLS last, and one may ask for a certain way', async () => {
  const { runtimeDir, address, tls } = daemon.options;
  const nowhere = '/nonexistent';
  const expected = [
    [{ runtimeDir }, 'fast-path'],
    [{ runtimeDir, address, tls }, 'fast-path'],
    [{ runtimeDir, transport: 'grpc' }, 'grpc'],
    [{ runtimeDir: nowhere, address, tls }, 'grpcs'],
    [{ runtimeDir, address, tls, transport: 'grpcs' }, 'grpcs'],
  ] as const;
  for (const [options, transport] of expected) {
    const connection = await connect(options);
    expect(connection.transport).toBe(transport);
    await connection.close();
  }
  const wrong = [
    [{ runtimeDir: nowhere }, 'NO_DAEMON'],
    [{ runtimeDir, transport: 'carrier-pigeon' as 'grpc' }, 'INVALID_ARGUMENT'],
    [{ transport: 'grpcs', address: 'http://localhost:1', tls }, 'INVALID_ARGUMENT'],
    [{ transport: 'grpcs', address }, 'INVALID_ARGUMENT'],
    [{ transport: 'grpcs', address, tls: { ...tls, key: nowhere } }, 'INVALID_ARGUMENT'],
  ] as const;
  for (const [options, code] of wrong) await expect(connect(options)).rejects.toMatchObject({ code });
});

test('where the FFI library does not load, gRPC serves', async () => {
  const hooks = `export const resolve = (name, context, next) => {
    if (name === 'ffi-rs') throw new Error('no prebuilt library for this platform');
    return next(name, context);
  };`;
  const program = `
    import { register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}));
    const { connect } = await import(${JSON.stringify(sdk)});
    const connection = await connect({ runtimeDir: ${JSON.stringify(daemon.runtimeDir)} });
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    const region = await connection.share(5);
    region.buffer.write('hello');
    const { result } = await queue.submit({ operation: 'crc32', source: { region, offset: 0, bytes: 5 } });
    console.log(connection.transport, result);
    await connection.close();
    const fast = connect({ runtimeDir: ${JSON.stringify(daemon.runtimeDir)}, transport: 'fast-path' });
    console.log(await fast.catch(({ code }) => code));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
  expect(stdout).toBe('grpc 907060870\nUNSUPPORTED\n');
});

test('in a worker thread gRPC serves; shared memory is refused clearly, and the process goes on', async () => {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     const { sdk, runtimeDir } = workerData;
     import(sdk).then(async ({ connect }) => {
       const connection = await connect({ runtimeDir });
       const { transport } = connection;
       await connection.close();
       const { name, code, found, hint } = await connect({ runtimeDir, transport: 'fast-path' }).catch((error) => error);
       parentPort.postMessage({ transport, name, code, found, hint });
     });`,
    { eval: true, workerData: { sdk, runtimeDir: daemon.runtimeDir } },
  );
  const exited = once(worker, 'exit');
  const [message] = (await once(worker, 'message')) as [unknown];
  expect(message).toEqual({
    transport: 'grpc',
    name: 'WarpError',
    code: 'UNSUPPORTED',
    found: expect.stringContaining('worker thread') as unknown,
    hint: expect.stringContaining('main thread') as unknown,
  });
  expect(await exited).toEqual([0]);
});

test('waiting for completions by blocking is UNSUPPORTED on gRPC', async () => {
  const connection = await connect({ runtimeDir: daemon.runtimeDir, transport: 'grpc' });
  const queue = await connection.requestQueue({ algorithm: 'nop' });
  expect(() => queue.recvSync([], 10)).toThrow(/UNSUPPORTED/);
  await expect(connection.requestQueue({ algorithm: 'nop', mode: 'direct' })).rejects.toMatchObject({
    code: 'UNSUPPORTED',
  });
  await connection.close();
});

test.each(['engine', 'broker'])('when the %s is killed, requests over gRPC are repeated', async (role) => {
  const connection = await connect({ runtimeDir: daemon.runtimeDir, transport: 'grpc' });
  const queue = await connection.requestQueue({ algorithm: 'crc32' });
  const region = await connection.share(1 << 20);
  region.buffer.fill('what must not be lost ');
  const request = { operation: 'crc32', source: { region, offset: 0, bytes: 1 << 20 } } as const;
  const { result } = await queue.submit(request);
  const results = Promise.all(Array.from({ length: 200 }, () => queue.submit(request)));
  process.kill(daemon.pids[role] as number, 'SIGKILL');
  expect((await results).every((one) => one.result === result)).toBe(true);
  await daemon.logged(new RegExp(`"role":"${role}","pid":\\d+,"msg":"started again"`));
  await eventually('it serves again', async () => (await queue.submit(request)).result === result);
  await connection.close();
});
