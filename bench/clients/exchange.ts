// Our contestant on gRPC: requests to the null device over Exchange. Arguments: runtime folder, how (a name of `ways`).

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Control, unixEndpoint } from '../../src/client/control.ts';
import { beginExchange, type ExchangeCall } from '../../src/client/stream-path.ts';
import type { ReceivedExchangeResponse, WireRequest } from '../../src/shared/exchange.ts';
import { operations } from '../../src/shared/operations.ts';
import { GRPC_SOCKET } from '../../src/shared/runtime-paths.ts';
import { measureRate, measureRoundTrips, type Pipeline, residentBytes } from '../pipelines.ts';
import { type Metrics, serveTurns } from '../turns.ts';

const DEPTH = 256;
const BATCH = 64;
const PAYLOAD_BYTES = 64;
/** Connections that are opened side by side. */
const OPENING_MAX = 32;

const [runtimeDir = '', way = ''] = process.argv.slice(2);

const ways: Readonly<Record<string, () => Promise<(amount: number) => Promise<Metrics>>>> = {
  rate: async () => {
    const pipeline = await openPipeline(1);
    return (millis) => measureRate(pipeline, millis, { depth: DEPTH, batch: 1 });
  },
  batches: async () => {
    const pipeline = await openPipeline(0);
    return (millis) => measureRate(pipeline, millis, { depth: DEPTH, batch: BATCH });
  },
  'round-trips': async () => {
    const pipeline = await openPipeline(1);
    return (count) => measureRoundTrips(pipeline, count);
  },
  memory: () => Promise.resolve(measureMemory),
};

const prepare = ways[way];
if (prepare === undefined) throw new Error(`no way to measure is called "${way}"`);
await serveTurns(await prepare());
process.exit();

interface Stream {
  readonly control: Control;
  readonly call: ExchangeCall;
  readonly channel: number;
}

async function openStream(completionsPerMessage: number): Promise<Stream> {
  const control = new Control(unixEndpoint(join(runtimeDir, GRPC_SOCKET)), 60_000);
  const opening = { slots: DEPTH, transport: 'TRANSPORT_STREAM' } as const;
  const { channel } = await control.call('OpenChannel', opening, 'open a channel');
  const call = beginExchange(control);
  call.write({ channel, completionsPerMessage });
  call.on('error', () => {});
  return { control, call, channel };
}

async function openPipeline(completionsPerMessage: number): Promise<Pipeline> {
  const { control, call, channel } = await openStream(completionsPerMessage);
  const { queue } = await control.call('RequestQueue', { channel, algorithm: 'nop' }, 'request a queue');
  const data = Buffer.alloc(PAYLOAD_BYTES, 1);
  const operation = operations.nop.number;
  let id = 0;
  const next = (): WireRequest => ({ id: (id = (id + 1) >>> 0), queue, operation, source: { data } });
  const pipeline: Pipeline = {
    send: (items) => void call.write({ requests: Array.from({ length: items }, next) }),
    onAnswers: () => {},
  };
  call.on('data', ({ completions }: ReceivedExchangeResponse) => {
    const failed = completions.find(({ status }) => status !== 0);
    if (failed !== undefined) throw new Error(`a nop completed as ${failed.code}`);
    pipeline.onAnswers(completions.length);
  });
  return pipeline;
}

/** What the broker holds for each connected client, with a channel and a stream. */
async function measureMemory(count: number): Promise<Metrics> {
  const first = await openStream(0);
  const { processes } = await first.control.call('GetStatus', {}, 'look');
  const { pid } = processes.find(({ name }) => name === 'broker') ?? { pid: 0 };
  const resident = (): number => residentBytes(readFileSync(`/proc/${pid}/status`, 'utf8'));
  const before = resident();
  const streams = [first];
  while (streams.length < count) {
    const more = Math.min(OPENING_MAX, count - streams.length);
    streams.push(...(await Promise.all(Array.from({ length: more }, () => openStream(0)))));
  }
  const bytes = (resident() - before) / (count - 1);
  for (const { control, call } of streams) {
    call.cancel();
    control.close();
  }
  return { bytes };
}
