// One process that keeps several tenants backlogged on one device, and sends a short request of a light one now and
// then. That nobody ran dry is checked at every look: shares of tenants that don't want the device say nothing.
// Arguments: runtime folder, where the picture of the shares goes (none if empty).

import { writeFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { type Completion, connect, type Queue, type Request } from 'warpdrive';
import { drawShares, furthestFromShare, jainIndex } from '../fairness.ts';
import { heavyTenants, lightTenant, type LoadTenant } from '../tenants.ts';
import { type Metrics, serveTurns } from '../turns.ts';

const DEPTH = 128;
/** Below this the device may have had nothing of a tenant to choose from: more than its port holds at once. */
const DEPTH_MIN = 16;
/** Before the queues are full and the costs are learnt nothing is counted. */
const WARM_UP_SHARE = 0.2;
const SAMPLE_MILLIS = 50;
/** Between the answer to a light request and the next one. */
const LIGHT_PAUSE_MILLIS = 3;
const WAIT_MILLIS = 1;
const HASH_BYTES = 32;

const completions: Completion[] = [];

interface Lane {
  readonly tenant: LoadTenant;
  readonly queue: Queue;
  readonly request: Request;
  nanos: number;
  requests: number;
}

const [runtimeDir = '', picturePath = ''] = process.argv.slice(2);
const heavy: Lane[] = [];
for (const tenant of heavyTenants) heavy.push(await openLane(tenant));
const light = await openLane(lightTenant);
await serveTurns(measure);
process.exit();

async function openLane(tenant: LoadTenant): Promise<Lane> {
  const { name, transport } = tenant;
  const connection = await connect({ runtimeDir, transport, tenant: name, slots: DEPTH });
  const queue = await connection.requestQueue({ algorithm: 'sha-256', depth: DEPTH });
  const { bytes } = tenant;
  const region = await connection.share(bytes + HASH_BYTES);
  const source = { region, offset: 0, bytes };
  // All write to one place: nobody reads it.
  const destination = { region, offset: bytes, bytes: HASH_BYTES };
  const request: Request = { operation: 'sha-256', source, destination };
  return { tenant, queue, request, nanos: 0, requests: 0 };
}

async function measure(millis: number): Promise<Metrics> {
  for (const lane of heavy) while (lane.queue.send(lane.request));
  const countedFromMillis = performance.now() + millis * WARM_UP_SHARE;
  const endMillis = countedFromMillis + millis;
  const samples: number[][] = [];
  const lightMillis: number[] = [];
  let sampledAtMillis = countedFromMillis;
  let lightSentMillis = 0;
  let lightNextMillis = countedFromMillis;
  let isCounting = false;
  for (let nowMillis = performance.now(); nowMillis < endMillis; nowMillis = performance.now()) {
    if (!isCounting && nowMillis >= countedFromMillis) {
      isCounting = true;
      for (const lane of heavy) Object.assign(lane, { nanos: 0, requests: 0 });
    }
    for (const lane of heavy) keepBacklogged(lane);
    // Those over gRPC send and receive then.
    await turn();
    if (isCounting && nowMillis - sampledAtMillis >= SAMPLE_MILLIS) {
      samples.push(heavy.map(({ nanos }) => nanos));
      sampledAtMillis = nowMillis;
    }
    if (light.queue.inFlight === 0 && nowMillis >= lightNextMillis) {
      lightSentMillis = performance.now();
      light.queue.send(light.request);
    }
    // Sleeps: a process that spins takes from the device, which is the processor.
    if (light.queue.recvSync(completions, WAIT_MILLIS) > 0) {
      lightMillis.push(performance.now() - lightSentMillis);
      lightNextMillis = performance.now() + LIGHT_PAUSE_MILLIS;
    }
  }
  const shares = heavy.map(({ tenant: { name, weight }, nanos }) => ({ name, weight, nanos }));
  const serviceMicros = Math.max(...heavy.map(({ nanos, requests }) => nanos / requests)) / 1e3;
  await drain();
  if (picturePath !== '') writeFileSync(picturePath, drawShares(timelineOf(samples)));
  lightMillis.sort((a, b) => a - b);
  return {
    jain: jainIndex(shares),
    one: 1,
    furthest: 1 + furthestFromShare(shares),
    light: (lightMillis[Math.floor(lightMillis.length * 0.99)] ?? Number.NaN) * 1e3,
    service: serviceMicros,
  };
}

/** Counts what has completed and sends as many more. */
function keepBacklogged(lane: Lane): void {
  const { queue, request, tenant } = lane;
  const count = queue.recv(completions);
  if (queue.inFlight < DEPTH_MIN) {
    throw new Error(`tenant ${tenant.name} was not backlogged: ${queue.inFlight} requests were left`);
  }
  for (let index = 0; index < count; index++) {
    const { code, deviceNanos } = completions[index] as Completion;
    if (code !== 'OK') throw new Error(`a request of ${tenant.name} completed as ${code}`);
    lane.nanos += deviceNanos;
    lane.requests += 1;
  }
  while (queue.send(request));
}

async function drain(): Promise<void> {
  for (const { queue } of [...heavy, light]) {
    while (queue.inFlight > 0) {
      queue.recv(completions);
      await turn();
    }
  }
}

/** What each had from sample to sample. */
function timelineOf(samples: readonly (readonly number[])[]) {
  const steps = samples
    .slice(1)
    .map((sample, index) => sample.map((nanos, at) => nanos - (samples[index]?.[at] ?? 0)));
  return {
    names: heavy.map(({ tenant }) => tenant.name),
    weights: heavy.map(({ tenant }) => tenant.weight),
    sampleMillis: SAMPLE_MILLIS,
    samples: steps,
  };
}
