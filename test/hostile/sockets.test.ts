// Rubbish, silence and floods on the two sockets that anybody may connect to. Others are served meanwhile, and when it is
// over the broker holds what it held before.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  type IncomingHttpHeaders,
} from 'node:http2';
import { connect as connectSocket, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../src/client/connect.ts';
import type { Connection } from '../../src/client/connection.ts';
import { brokerService } from '../../src/shared/grpc.ts';
import { FD_SOCKET, GRPC_SOCKET } from '../../src/shared/runtime-paths.ts';
import type { Fd } from '../../src/sys/fd.ts';
import { ioctl } from '../../src/sys/ioctl.ts';
import { structMemory } from '../../src/sys/libc.ts';
import { connectUnix, sendWithFds, waitReadableAsync } from '../../src/sys/socket.ts';
import { eventually, startDaemon, type TestDaemon } from '../fixtures/daemon.ts';
import { holdingsOf } from '../fixtures/proc.ts';
import { RawClient } from '../fixtures/raw-client.ts';

/** What the daemon allows each user: constants of src/daemon/broker. */
const FD_CONNECTIONS_MAX = 64;
const CHANNELS_MAX = 16;
const GRPC_CONNECTIONS_MAX = CHANNELS_MAX + 64;
const CALLS_MAX = 4 * GRPC_CONNECTIONS_MAX;
const STREAMS_PER_CONNECTION_MAX = 128;

const STATUS_PATH = brokerService.GetStatus.path;
const RESOURCE_EXHAUSTED = '8';
/** What garbage collection may leave for later. */
const GROWN_BYTES_MAX = 64 * 2 ** 20;
const OTHER_UID = 65_534;
const isRoot = process.getuid?.() === 0;

let daemon: TestDaemon;
let neighbour: Connection;
/** A client that fetches tokens by hand. */
let client: RawClient;
let broker: number;
let idle: { readonly fds: number; readonly ownBytes: number; readonly connections: number };

beforeAll(async () => {
  daemon = await startDaemon(`[limits]\nchannels = ${CHANNELS_MAX}`);
  chmodSync(daemon.runtimeDir, 0o755);
  neighbour = await connect({ runtimeDir: daemon.runtimeDir });
  client = await RawClient.open(daemon.runtimeDir);
  broker = daemon.pids['broker'] as number;
  await neighbourWorks();
  // What has just been closed may still be open on the other side.
  idle = await holdings();
  for (let look = 0; look < 20; look++) {
    const now = await holdings();
    if (now.fds < idle.fds) idle = now;
  }
});
afterAll(async () => {
  client.close();
  await neighbour.close();
  expect(await daemon.stop()).toBe(0);
});

async function holdings(): Promise<typeof idle> {
  const { connections } = await neighbour.status();
  return { ...holdingsOf(broker), connections };
}

/** Calls, a redeemed token and a request. */
async function neighbourWorks(): Promise<void> {
  const region = await neighbour.share(4096);
  const queue = await neighbour.requestQueue({ algorithm: 'nop' });
  expect((await queue.submit({ operation: 'nop' })).code).toBe('OK');
  await queue.release();
  await region.release();
}

async function neighbourIsServed(): Promise<boolean> {
  return neighbourWorks().then(
    () => true,
    () => false,
  );
}

async function brokerIsAsBefore(): Promise<void> {
  const isAsBefore = async (): Promise<boolean> => {
    const { connections, fds } = await holdings();
    return connections === idle.connections && fds <= idle.fds;
  };
  await eventually('the broker holds what it held before', isAsBefore);
  const { processes } = await neighbour.status();
  expect(processes.find(({ name }) => name === 'broker')?.pid).toBe(broker);
  expect(holdingsOf(broker).ownBytes - idle.ownBytes).toBeLessThan(GROWN_BYTES_MAX);
}

function open(name: string): Socket {
  return connectSocket(join(daemon.runtimeDir, name)).on('error', () => {});
}

async function openMany(name: string, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => open(name));
  await Promise.all(sockets.map(connected));
  return sockets;
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('connect', resolve);
  });
}

/** Resolves when the daemon, or the kernel before it, has ended the connection. */
function ended(socket: Socket): Promise<void> {
  socket.resume();
  return new Promise((resolve) => {
    if (socket.destroyed) resolve();
    else socket.once('close', () => resolve());
  });
}

/**
 * Another user's process, which opens `count` connections and holds those that it is left with until it is killed.
 * Resolves when each is either refused or held, with the number of those held.
 */
async function floodAsOther(name: string, count: number): Promise<{ child: ChildProcess; held: number }> {
  const script = `
    const sockets = Array.from({ length: ${count} }, () => require('node:net').connect(process.argv[1]));
    let held = sockets.length;
    for (const socket of sockets) socket.on('error', () => {}).on('close', () => (held -= 1)).resume();
    setInterval(() => process.stdout.write(held + '\\n'), 50);`;
  const child = spawn(process.execPath, ['-e', script, join(daemon.runtimeDir, name)], {
    uid: OTHER_UID,
    gid: OTHER_UID,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let held = count;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    held = Number(text.trim().split('\n').at(-1));
  });
  const limit = name === FD_SOCKET ? FD_CONNECTIONS_MAX : GRPC_CONNECTIONS_MAX;
  await eventually('the flood is cut to the limit', () => held <= limit);
  return { child, held };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

describe('the fd socket', () => {
  it('refuses bytes that are no token, however many they are', async () => {
    const sizes = [1, 31, 32, 33, 64, 4_096, 200_000];
    const sockets = await openMany(FD_SOCKET, 6 * sizes.length);
    for (const [index, socket] of sockets.entries())
      socket.end(randomBytes(sizes[index % sizes.length] as number));
    await Promise.all(sockets.map(ended));
    await neighbourWorks();
    await brokerIsAsBefore();
    // One line for all of them; two if ten seconds have passed in between.
    const lines = daemon.log().split('"token refused"').length - 1;
    expect(lines).toBeGreaterThan(0);
    expect(lines).toBeLessThanOrEqual(2);
  });

  it('serves others of the same user beside half tokens, and cuts these off', async () => {
    const sockets = await openMany(FD_SOCKET, FD_CONNECTIONS_MAX - 1);
    for (const socket of sockets) socket.write(randomBytes(1 + randomInt(31)));
    await neighbourWorks();
    await Promise.all(sockets.map(ended));
    await brokerIsAsBefore();
  });

  it('counts an answer that is not read as a connection until it is', async () => {
    const unread: Unread[] = [];
    try {
      while (unread.length < FD_CONNECTIONS_MAX - 1) unread.push(await leaveAnswer());
      // It is cut when its time is up; that of the answers, which are older, is up by then.
      await ended(open(FD_SOCKET));
      unread.push(await leaveAnswer());
      await expect(leaveAnswer()).rejects.toThrow('no answer');
    } finally {
      for (const { socket } of unread) socket.close();
    }
    await eventually('others are served again', neighbourIsServed);
    for (const { region } of unread) await releaseRegion(region);
    await brokerIsAsBefore();
  });

  it('serves on after a flood of connections', async () => {
    // The kernel itself refuses those for which the socket's backlog has no room.
    const flood = Array.from({ length: 1_000 }, () => open(FD_SOCKET));
    await Promise.all(flood.map((socket) => Promise.race([connected(socket), ended(socket)])));
    for (const socket of flood) socket.destroy();
    await eventually('others are served again', neighbourIsServed);
    await brokerIsAsBefore();
  });

  it.skipIf(!isRoot)("serves a user while another's connections are as many as may be", async () => {
    const { child, held } = await floodAsOther(FD_SOCKET, 500);
    expect(held).toBeGreaterThan(0);
    await neighbourWorks();
    await kill(child);
    await brokerIsAsBefore();
  });
});

interface Unread {
  readonly socket: Fd;
  readonly region: number;
}

const FIONREAD = 0x541b; // <asm-generic/ioctls.h>

/** Fetches a region's memory and leaves it lying: the descriptor stays on its way while the socket is open. */
async function leaveAnswer(): Promise<Unread> {
  const { channel, control } = client;
  const { region, token } = await control.call('ShareRegion', { channel, bytes: 4096 }, 'share a region');
  const socket = connectUnix(join(daemon.runtimeDir, FD_SOCKET), 'unread answer');
  const waiting = structMemory(4);
  try {
    sendWithFds(socket.number, token, []);
    await waitReadableAsync(socket.number, 5_000);
    ioctl(socket, FIONREAD, waiting, 'count the bytes of the answer');
  } catch {
    // The connection was refused before the token was sent.
  }
  if (waiting.readInt32LE() > 0) return { socket, region };
  socket.close();
  await releaseRegion(region);
  throw new Error('no answer');
}

async function releaseRegion(region: number): Promise<void> {
  await client.control.call('ReleaseRegion', { channel: client.channel, region }, 'release a region');
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** A frame of RFC 9113, section 4.1. */
function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

const SETTINGS = frame(4, 0, 0, new Uint8Array(0));

function randomFrame(): Buffer {
  return frame(randomInt(12), randomInt(256), randomInt(8), randomBytes(randomInt(200)));
}

function openHttp2(settings = {}): ClientHttp2Session {
  const createConnection = () => open(GRPC_SOCKET);
  return connectHttp2('http://localhost', { createConnection, settings }).on('error', () => {});
}

function startCall(session: ClientHttp2Session, path: string, headers = {}): ClientHttp2Stream {
  return session
    .request(
      { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers },
      { endStream: false },
    )
    .on('error', () => {});
}

/** Bytes as gRPC carries a message: a flag, the length, the message. */
function message(bytes: Buffer, flag = 0, length = bytes.length): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt8(flag, 0);
  header.writeUInt32BE(length, 1);
  return Buffer.concat([header, bytes]);
}

/** An error is an end too. */
function closed(emitter: ClientHttp2Session | ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    if (emitter.destroyed) resolve();
    else emitter.once('close', resolve);
  });
}

describe('the gRPC socket', () => {
  it('ends connections that do not speak HTTP/2, and bears rubbish after its preface', async () => {
    const sockets = await openMany(GRPC_SOCKET, 48);
    for (const [index, socket] of sockets.entries()) {
      if (index % 3 === 0) socket.write(randomBytes(64 + randomInt(10_000)));
      else if (index % 3 === 1) socket.write(Buffer.concat([PREFACE, SETTINGS, randomBytes(4_000)]));
      else socket.write(Buffer.concat([PREFACE, SETTINGS, ...Array.from({ length: 50 }, randomFrame)]));
    }
    await neighbourWorks();
    // After random frames it may well be waiting for the rest of a long one.
    await Promise.all(sockets.filter((_, index) => index % 3 === 0).map(ended));
    for (const socket of sockets) socket.destroy();
    await brokerIsAsBefore();
  });

  it('forgets a caller that has broken the protocol and left', async () => {
    const socket = open(GRPC_SOCKET);
    const session = connectHttp2('http://localhost', { createConnection: () => socket }).on(
      'error',
      () => {},
    );
    const call = startCall(session, STATUS_PATH).resume();
    call.end(message(Buffer.alloc(0)));
    await closed(call);
    // A PING of 3 bytes is an error of the whole connection.
    socket.write(frame(6, 0, 0, Buffer.alloc(3)));
    await closed(session);
    socket.destroy();
    await brokerIsAsBefore();
  });

  it('cuts off who sends half a frame or half a call, or never reads an answer', async () => {
    const silent = await openMany(GRPC_SOCKET, 12);
    const half = Buffer.concat([PREFACE, SETTINGS, randomFrame()]);
    for (const [index, socket] of silent.entries()) socket.write(half.subarray(0, index * 4));
    const sending = openHttp2();
    startCall(sending, STATUS_PATH).write(message(randomBytes(10), 0, 60_000));
    const unread = openHttp2({ initialWindowSize: 0 });
    startCall(unread, STATUS_PATH).end(message(Buffer.alloc(0)));
    const isNever = openHttp2();
    startCall(isNever, STATUS_PATH);
    await neighbourWorks();
    await Promise.all([...silent.map(ended), ...[sending, unread, isNever].map(closed)]);
    await brokerIsAsBefore();
  });

  it('answers rubbish in messages with a status', async () => {
    const session = openHttp2();
    const statuses = new Set<string | undefined>();
    const call = async (path: string, body: Buffer, headers = {}): Promise<void> => {
      const stream = startCall(session, path, headers);
      const note = ({ 'grpc-status': status }: IncomingHttpHeaders): void => {
        if (status !== undefined) statuses.add(String(status));
      };
      stream.on('response', note).on('trailers', note).resume();
      stream.end(body);
      await closed(stream);
    };
    const paths = Object.values(brokerService).map(({ path }) => path);
    for (let round = 0; round < 20; round++) {
      const body = randomBytes(randomInt(300));
      const calls = paths.flatMap((path) => [
        call(path, message(body)),
        call(path, message(body, 1), { 'grpc-encoding': 'gzip' }),
        call(path, message(body, 0, randomInt(600))),
        call(path, Buffer.concat([message(Buffer.alloc(0)), message(body)])),
        call(`${path}${randomInt(9)}`, message(body)),
      ]);
      await Promise.all(calls);
    }
    // As long as a message may be: the algorithm's name comes back in the error.
    const name = Buffer.alloc(60_000, 'x');
    await call(
      brokerService.RequestQueue.path,
      message(Buffer.concat([Buffer.of(0x12, 0xe0, 0xd4, 3), name])),
    );
    expect(statuses.size).toBeGreaterThan(2);
    session.destroy();
    await neighbourWorks();
    await brokerIsAsBefore();
  });

  it('refuses a call too many of one user, and takes calls again when others are over', async () => {
    const sessions = Array.from({ length: 4 }, () => openHttp2());
    const refused = new Set<ClientHttp2Stream>();
    for (const session of sessions) {
      for (let count = 0; count < STREAMS_PER_CONNECTION_MAX; count++) {
        const stream = startCall(session, STATUS_PATH);
        stream.on('response', ({ 'grpc-status': status }) => {
          if (status === RESOURCE_EXHAUSTED) refused.add(stream);
        });
      }
    }
    const surplus = sessions.length * STREAMS_PER_CONNECTION_MAX - CALLS_MAX;
    await eventually('the surplus is refused', () => refused.size === surplus);
    for (const session of sessions) session.destroy();
    await eventually('others are served again', neighbourIsServed);
    await brokerIsAsBefore();
  });

  it('forgets calls that are reset as soon as they are made', async () => {
    for (let round = 0; round < 20; round++) {
      const session = openHttp2();
      for (let count = 0; count < CALLS_MAX / 4; count++) startCall(session, STATUS_PATH).close(8);
      await once(session, 'remoteSettings');
      session.destroy();
    }
    await neighbourWorks();
    await brokerIsAsBefore();
  });

  it.skipIf(!isRoot)("serves a user while another's connections are as many as may be", async () => {
    const { child, held } = await floodAsOther(GRPC_SOCKET, 500);
    expect(held).toBeGreaterThan(0);
    const newcomer = await connect({ runtimeDir: daemon.runtimeDir });
    await newcomer.close();
    await neighbourWorks();
    await kill(child);
    await brokerIsAsBefore();
  });
});
