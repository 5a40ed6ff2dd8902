// Callers who misbehave on gRPC: each gets a clear status or loses its connection, and a neighbour notices nothing.

import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectSocket, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { credentials, Client, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../src/client/connect.ts';
import type { Connection } from '../../src/client/connection.ts';
import { Control, tlsEndpoint } from '../../src/client/control.ts';
import type { ExchangeRequest } from '../../src/shared/exchange.ts';
import { adminService, brokerService, fromServiceError } from '../../src/shared/grpc.ts';
import { operations } from '../../src/shared/operations.ts';
import { GRPC_SOCKET } from '../../src/shared/runtime-paths.ts';
import { Authority } from '../fixtures/certificates.ts';
import { eventually } from '../fixtures/daemon.ts';
import { StreamClient } from '../fixtures/stream-client.ts';
import { startTlsDaemon } from '../fixtures/transport.ts';

const MIB = 2 ** 20;
const NOBODY = 65_534;

let daemon: Awaited<ReturnType<typeof startTlsDaemon>>;
let neighbour: Connection;
let socketPath: string;

beforeAll(async () => {
  daemon = await startTlsDaemon();
  // Other users have to get as far as the socket.
  chmodSync(daemon.runtimeDir, 0o755);
  socketPath = join(daemon.runtimeDir, GRPC_SOCKET);
  neighbour = await connect({ runtimeDir: daemon.runtimeDir, transport: 'grpc' });
});
afterAll(async () => {
  await neighbour.close();
  expect(await daemon.stop()).toBe(0);
});

async function neighbourIsFine(): Promise<void> {
  const queue = await neighbour.requestQueue({ algorithm: 'nop' });
  expect((await queue.submit({ operation: 'nop' })).code).toBe('OK');
  await queue.release();
}

function brokerMib(): number {
  const status = readFileSync(`/proc/${daemon.pids['broker']}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

/** Calls a method with bytes of the test's own; resolves with the error. */
function callRaw(
  path: string,
  bytes: Buffer,
  metadata = new Metadata(),
): Promise<{ code: string; bytes?: Buffer }> {
  const client = new Client(`unix:${socketPath}`, credentials.createInsecure(), {
    'grpc.default_authority': 'localhost',
    'grpc.use_local_subchannel_pool': 1,
  });
  const same = (given: Buffer): Buffer => given;
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, same, same, bytes, metadata, (error, answer) => {
      client.close();
      if (error === null) resolve({ code: 'OK', bytes: answer as Buffer });
      else resolve({ code: fromServiceError(error, 'call').code });
    });
  });
}

test('bytes that are no message are INVALID_ARGUMENT, in a call and in a stream', async () => {
  const garbage = Buffer.from('ffffffffffffff', 'hex');
  expect(await callRaw(brokerService.OpenChannel.path, garbage)).toEqual({ code: 'INVALID_ARGUMENT' });
  const client = await StreamClient.open(daemon.runtimeDir);
  const raw = client.control.client.makeBidiStreamRequest(
    brokerService.Exchange.path,
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => bytes,
  );
  const ended = new Promise((resolve) => raw.once('error', resolve));
  raw.write(garbage);
  expect(fromServiceError((await ended) as never, 'exchange').code).toBe('INVALID_ARGUMENT');
  client.close();
  await neighbourIsFine();
});

test('values of an enum that nobody knows are refused, those of an operation by its completion', async () => {
  const encode = brokerService.OpenChannel.requestSerialize;
  const transport = encode({ transport: 7 as never });
  expect(await callRaw(brokerService.OpenChannel.path, transport)).toEqual({ code: 'INVALID_ARGUMENT' });
  const client = await StreamClient.open(daemon.runtimeDir);
  const queue = await client.queue('nop');
  client.send({ channel: client.channel, requests: [{ id: 1, queue, operation: 4_000_000_000 }] });
  expect(await client.completed(1)).toMatchObject({ id: 1, code: 'UNKNOWN_OPERATION' });
  const mode = brokerService.RequestQueue.requestSerialize({
    channel: 1,
    algorithm: 'nop',
    mode: 9 as never,
  });
  expect((await callRaw(brokerService.RequestQueue.path, mode)).code).not.toBe('OK');
  client.close();
});

test('fields out of range complete with a code, or are refused', async () => {
  const client = await StreamClient.open(daemon.runtimeDir);
  const { channel, control } = client;
  const queue = await client.queue('copy');
  const operation = operations.copy.number;
  const range = (region: number, offset: number, bytes: number) => ({ region: { region, offset, bytes } });
  const far = 0xffff_ffff;
  const region = (await control.call('ShareRegion', { channel, bytes: 4096 }, 'share')).region;
  client.send({
    channel,
    requests: [
      { id: 1, queue, operation, source: range(region, far, far), destination: { bytes: 10 } },
      { id: 2, queue, operation, source: range(far, 0, 10), destination: { bytes: 10 } },
      { id: 3, queue: far, operation },
      { id: 4, queue, operation, source: { bytes: far }, destination: { bytes: far } },
      { id: 5, queue, operation, source: { data: Buffer.alloc(10) }, destination: { bytes: 5 } },
      {
        id: far,
        queue,
        session: far,
        operation,
        source: { data: Buffer.alloc(10) },
        destination: { bytes: 10 },
      },
      { id: 6, queue: 0, operation: 0 },
    ],
  });
  await client.completed(7);
  const codes = Object.fromEntries(client.completions.map(({ id, code }) => [id, code]));
  expect(codes).toEqual({
    1: 'OUT_OF_RANGE',
    2: 'UNKNOWN_REGION',
    3: 'UNKNOWN_QUEUE',
    4: 'TOO_LARGE',
    5: 'OUTPUT_TOO_SMALL',
    6: 'UNKNOWN_OPERATION',
    [far]: '',
  });
  for (const slots of [3, 8192, far])
    await expect(control.call('OpenChannel', { slots }, 'open')).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  client.close();
  await neighbourIsFine();
});

test.each<[string, (channel: number) => ExchangeRequest[]]>([
  ['a part of no request', () => [{ parts: [{ id: 3, data: Buffer.from('x') }] }]],
  [
    'more parts than announced',
    () => [
      { requests: [{ id: 1, operation: 1, queue: 1, source: { bytes: 4 } }] },
      { parts: [{ id: 1, data: Buffer.alloc(5) }] },
    ],
  ],
  [
    'a request before the last part of another',
    () => [
      { requests: [{ id: 1, operation: 1, queue: 1, source: { bytes: 4 } }] },
      { requests: [{ id: 2, operation: 1, queue: 1 }] },
    ],
  ],
  [
    'more data than bytes',
    () => [{ requests: [{ id: 1, operation: 1, queue: 1, source: { bytes: 4, data: Buffer.alloc(5) } }] }],
  ],
])('a stream with %s ends with INVALID_ARGUMENT', async (_, messages) => {
  const client = await StreamClient.open(daemon.runtimeDir);
  client.send({ channel: client.channel });
  for (const message of messages(client.channel)) client.send(message);
  expect(await client.ended()).toMatchObject({ code: 'INVALID_ARGUMENT' });
  client.close();
  await neighbourIsFine();
});

test('a number that is used twice at once completes as SLOT_BUSY, and the first one as it should', async () => {
  const client = await StreamClient.open(daemon.runtimeDir);
  const queue = await client.queue('sha-256');
  const request = { id: 1, queue, operation: operations['sha-256'].number, destination: { bytes: 32 } };
  client.send({ channel: client.channel, requests: [request, request] });
  await client.completed(2);
  expect(client.completions.map(({ code }) => code).sort()).toEqual(['', 'SLOT_BUSY']);
  client.close();
});

test('a message of 100 MiB is refused before it is there', async () => {
  const before = brokerMib();
  const client = connectHttp2('http://localhost', { createConnection: () => connectSocket(socketPath) });
  client.on('error', () => {});
  const { path } = brokerService.OpenChannel;
  const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
  const call = client.request(headers);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(100 * MIB, 1);
  call.on('error', () => {});
  const status = new Promise((resolve) => {
    call.once('response', (response) => resolve(response['grpc-status']));
  });
  call.write(prefix);
  call.write(Buffer.alloc(MIB));
  // 8: RESOURCE_EXHAUSTED
  expect(Number(await status)).toBe(8);
  client.destroy();
  expect(brokerMib() - before).toBeLessThan(50);
  await neighbourIsFine();
});

test('a client that never reads holds a bounded number of bytes', async () => {
  const client = await StreamClient.open(daemon.runtimeDir, 4096);
  const queue = await client.queue('copy');
  client.call.pause();
  client.send({ channel: client.channel });
  await neighbourIsFine();
  const before = brokerMib();
  const data = Buffer.alloc(60_000, 'x');
  const operation = operations.copy.number;
  // 240 MB there and as much back, if nothing stopped it.
  for (let id = 0; id < 4_000; id++)
    client.send({
      requests: [{ id, queue, operation, source: { data }, destination: { bytes: data.length } }],
    });
  await neighbourIsFine();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(brokerMib() - before).toBeLessThan(64);
  await neighbourIsFine();
  client.close();
});

/** Opens many connections as another user, and says nothing on them. */
async function openSilently(count: number): Promise<ChildProcess> {
  const program = `
    const { connect } = require('node:net');
    let closed = 0;
    for (let index = 0; index < ${count}; index++) {
      const socket = connect(${JSON.stringify(socketPath)});
      socket.on('error', () => {});
      socket.on('close', () => ++closed);
    }
    setTimeout(() => console.log('ready'), 1500);
    setTimeout(() => {}, 60000);`;
  const child = spawn(process.execPath, ['-e', program], {
    uid: NOBODY,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return child;
}

test.runIf(process.getuid?.() === 0)(
  'thousands of silent connections of one user leave others alone',
  async () => {
    const before = brokerMib();
    const child = await openSilently(3_000);
    const again = await connect({ runtimeDir: daemon.runtimeDir, transport: 'grpc' });
    expect((await again.status()).connections).toBeLessThan(1_200);
    await again.close();
    await neighbourIsFine();
    expect(brokerMib() - before).toBeLessThan(150);
    child.kill('SIGKILL');
  },
);

test('thousands of unfinished TLS handshakes leave others alone', async () => {
  const sockets: Socket[] = [];
  for (let index = 0; index < 2_000; index++) {
    const socket = connectSocket(daemon.port, '127.0.0.1');
    socket.on('error', () => {});
    sockets.push(socket);
  }
  const remote = await connect(daemon.options);
  expect(remote.transport).toBe('grpcs');
  expect((await remote.status()).tenant).toBe('default:tls:client');
  await eventually('most were cut off', () => sockets.filter(({ closed }) => closed).length > 1_500);
  await remote.close();
  for (const socket of sockets) socket.destroy();
  await neighbourIsFine();
});

test('over TCP nobody is served without a certificate of the right authority, or without TLS', async () => {
  const { ca } = daemon.options.tls;
  const strangers = new Authority(daemon.runtimeDir, 'strangers');
  const stranger = strangers.issue('stranger');
  const control = new Control(tlsEndpoint(daemon.options.address, { ca, ...stranger }), 3_000);
  await expect(control.call('GetStatus', {}, 'look')).rejects.toMatchObject({
    code: expect.stringMatching(/NO_DAEMON|DEADLINE_EXCEEDED/),
  });
  control.close();
  const bare = connectTls({
    port: daemon.port,
    host: '127.0.0.1',
    ca: readFileSync(ca),
    servername: 'localhost',
    ALPNProtocols: ['h2'],
  });
  bare.on('error', () => {});
  bare.resume();
  await new Promise((resolve) => bare.once('close', resolve));
  const plain = connectHttp2(`http://127.0.0.1:${daemon.port}`);
  plain.on('error', () => {});
  await new Promise((resolve) => plain.once('close', resolve));
  await neighbourIsFine();
});

test('who one says to be in metadata changes nothing', async () => {
  const metadata = new Metadata();
  for (const name of ['uid', 'x-uid', 'tenant', 'x-tenant', 'authorization', 'x-forwarded-client-cert'])
    metadata.set(name, 'tls:client');
  const { path, requestSerialize, responseDeserialize } = brokerService.GetStatus;
  const { bytes } = await callRaw(path, requestSerialize({}), metadata);
  expect(responseDeserialize(bytes as Buffer).tenant).toBe(`default:${process.getuid?.()}`);
});

test('an administrator on another host is none', async () => {
  const control = new Control(tlsEndpoint(daemon.options.address, daemon.options.tls), 5_000);
  for (const name of Object.keys(adminService) as (keyof typeof adminService)[]) {
    const method = `Admin/${String(name)}` as 'Admin/ListTenants';
    await expect(control.call(method, {}, 'administer')).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  }
  control.close();
});
