// Our contestant that keeps a thousand channels busy, of as many tenants or of one. Arguments: runtime folder, 'many' or
// 'one'.

import { type Completion, connect, type Queue, type Request } from 'warpdrive';
import { CROWD_TENANTS, crowdTenant } from '../tenants.ts';
import { type Metrics, serveTurns } from '../turns.ts';

/** Requests in flight on each channel. */
const DEPTH = 4;
const BYTES = 4096;
const OPENING_MAX = 8;
const WAIT_MILLIS_MAX = 1_000;

interface Lane {
  readonly queue: Queue;
  readonly request: Request;
}

const [runtimeDir = '', way = ''] = process.argv.slice(2);
const lanes: Lane[] = [];
while (lanes.length < CROWD_TENANTS) {
  const numbers = Array.from({ length: OPENING_MAX }, (_, index) => lanes.length + index);
  lanes.push(...(await Promise.all(numbers.map((number) => open(way === 'many' ? number : 0)))));
}
await serveTurns(measure, { channels: String(lanes.length) });
process.exit(0);

async function open(tenant: number): Promise<Lane> {
  const connection = await connect({ runtimeDir, tenant: crowdTenant(tenant), slots: DEPTH });
  const queue = await connection.requestQueue({ algorithm: 'crc32', depth: DEPTH });
  const region = await connection.share(BYTES);
  return { queue, request: { operation: 'crc32', source: { region, offset: 0, bytes: BYTES } } };
}

function measure(millis: number): Metrics {
  const completions: Completion[] = [];
  const before = performance.now();
  let done = 0;
  for (const { queue, request } of lanes) while (queue.send(request));
  do {
    for (const { queue, request } of lanes) {
      const count = queue.recv(completions);
      if (count === 0) continue;
      done += count;
      while (queue.send(request));
    }
  } while (performance.now() - before < millis);
  for (const { queue } of lanes)
    while (queue.inFlight > 0) done += queue.recvSync(completions, WAIT_MILLIS_MAX);
  const failed = completions.find(({ status }) => status !== 0);
  if (failed !== undefined) throw new Error(`a request completed as ${failed.code}`);
  return { rate: (done / (performance.now() - before)) * 1e3 };
}
