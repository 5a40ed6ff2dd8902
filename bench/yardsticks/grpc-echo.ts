// A bare grpc-js stream between two Node processes: 64 bytes there, the same back, without any encoding of messages.
// Argument: how (a name of `ways`).

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { dieWithParent } from '../../src/sys/process.ts';
import { measureRate, measureRoundTrips, type Pipeline, residentBytes } from '../pipelines.ts';
import { type Metrics, serveTurns } from '../turns.ts';

const DEPTH = 256;
const PAYLOAD_BYTES = 64;
const OPENING_MAX = 32;
const SERVER = 'server';
const PATH = '/Echo/Echo';
const options = { 'grpc.enable_channelz': 0, 'grpc.use_local_subchannel_pool': 1 };

function same(bytes: Buffer): Buffer {
  return bytes;
}

const [role = '', socket = ''] = process.argv.slice(2);
if (role === SERVER) await serveEcho(socket);
else await measure(role);

async function serveEcho(path: string): Promise<void> {
  dieWithParent(constants.signals.SIGKILL);
  const definition: ServiceDefinition = {
    Echo: {
      path: PATH,
      requestStream: true,
      responseStream: true,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  };
  const server = new Server(options);
  server.addService(definition, {
    Echo: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on('data', (bytes: Buffer) => call.write(bytes));
      call.on('end', () => call.end());
    },
  });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  process.stdout.write('ready\n');
}

async function measure(way: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'warpdrive-echo-'));
  const path = join(folder, 'socket');
  const program = process.argv[1] ?? '';
  const server = spawn(process.execPath, [program, SERVER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout, 'data');
  const ways: Readonly<Record<string, (amount: number) => Promise<Metrics>>> = {
    rate: (
      (pipeline) => (millis: number) =>
        measureRate(pipeline, millis, { depth: DEPTH, batch: 1 })
    )(openPipeline(path)),
    'round-trips': (
      (pipeline) => (count: number) =>
        measureRoundTrips(pipeline, count)
    )(openPipeline(path)),
    memory: (count) => measureMemory(path, server, count),
  };
  const chosen = ways[way];
  if (chosen === undefined) throw new Error(`no way to measure is called "${way}"`);
  await serveTurns(chosen);
  server.kill();
  rmSync(folder, { recursive: true });
  process.exit();
}

function openStream(path: string) {
  const client = new Client(`unix:${path}`, credentials.createInsecure(), options);
  const call = client.makeBidiStreamRequest(PATH, same, same);
  call.on('error', () => {});
  return { client, call };
}

function openPipeline(path: string): Pipeline {
  const { call } = openStream(path);
  const message = Buffer.alloc(PAYLOAD_BYTES, 1);
  const pipeline: Pipeline = { send: () => void call.write(message), onAnswers: () => {} };
  call.on('data', () => pipeline.onAnswers(1));
  return pipeline;
}

/** What the server holds for each connection with one stream. */
async function measureMemory(path: string, { pid = 0 }: ChildProcess, count: number): Promise<Metrics> {
  const resident = (): number => residentBytes(readFileSync(`/proc/${pid}/status`, 'utf8'));
  const before = resident();
  const streams: ReturnType<typeof openStream>[] = [];
  while (streams.length < count) {
    const opened = Array.from({ length: Math.min(OPENING_MAX, count - streams.length) }, () =>
      openStream(path),
    );
    for (const { call } of opened) call.write(Buffer.alloc(PAYLOAD_BYTES));
    await Promise.all(opened.map(({ call }) => once(call, 'data')));
    streams.push(...opened);
  }
  const bytes = (resident() - before) / count;
  for (const { client, call } of streams) {
    call.cancel();
    client.close();
  }
  return { bytes };
}
