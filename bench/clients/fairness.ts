// One process that keeps several tenants backlogged on one device, and sends a short request of a light one now and
// then. That nobody ran dry is checked at every look: shares of tenants that don't want the device say nothing, and such a
// turn is measured again.
// Arguments: runtime folder, where the picture of the shares goes (none if empty).

import { writeFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import type { Completion } from 'warpdrive';
import { drawShares, furthestFromShare, jainIndex } from '../fairness.ts';
import { type Lane, openLane, openQueue } from '../load-lanes.ts';
import { heavyTenants, lightTenant } from '../tenants.ts';
import { type Metrics, serveTurns } from '../turns.ts';

const DEPTH = 128;
/** Below this the device may have had nothing of a tenant to choose from: more than its port holds at once. */
const DEPTH_MIN = 16;
/** Before the queues are full and the costs are learnt nothing is counted. */
const WARM_UP_SHARE = 0.2;
const SAMPLE_MILLIS = 50;
/** Between the answer to a light request and the next one. */
const LIGHT_PAUSE_MILLIS = 3;
/** For a light request, and between looks at the others: their queues last longer. */
const WAIT_MILLIS = 4;

/** Of one turn: where this process loses its processor now and then, its tenants run dry. */
const TRIES_MAX = 3;

class RanDryError extends Error {
  override name = 'RanDryError';
}

const completions: Completion[] = [];

const [runtimeDir = '', picturePath = ''] = process.argv.slice(2);
const heavy: Lane[] = [];
for (const tenant of heavyTenants) heavy.push(await openLane(runtimeDir, tenant, DEPTH));
const [lightQueue, lightRequest] = await openQueue(runtimeDir, lightTenant, DEPTH);
await serveTurns(async (millis) => {
  for (let tries = 1; ; tries++) {
    try {
      return await measure(millis);
    } catch (error) {
      if (!(error instanceof RanDryError) || tries === TRIES_MAX) throw error;
      await drain();
    }
  }
});
process.exit();

async function measure(millis: number): Promise<Metrics> {
  for (const lane of heavy) lane.fill();
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
    for (const lane of heavy) keepBacklogged(lane, isCounting);
    // Those over gRPC send and receive then.
    await turn();
    if (isCounting && nowMillis - sampledAtMillis >= SAMPLE_MILLIS) {
      samples.push(heavy.map(({ nanos }) => nanos));
      sampledAtMillis = nowMillis;
    }
    if (lightQueue.inFlight === 0 && nowMillis >= lightNextMillis) {
      lightSentMillis = performance.now();
      lightQueue.send(lightRequest);
    }
    // Sleeps: a process that spins takes from the device, which is the processor.
    if (lightQueue.recvSync(completions, WAIT_MILLIS) > 0) {
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

/** Receives, and sends as many more. While it counts, there always has to be more to come. */
function keepBacklogged(lane: Lane, isCounting: boolean): void {
  lane.receive();
  const { inFlight, tenant } = lane;
  if (isCounting && inFlight < DEPTH_MIN) {
    throw new RanDryError(`tenant ${tenant.name} was not backlogged: ${inFlight} requests were left`);
  }
  lane.fill();
}

async function drain(): Promise<void> {
  while (lightQueue.inFlight > 0) lightQueue.recvSync(completions, WAIT_MILLIS);
  for (const lane of heavy) {
    while (lane.inFlight > 0) {
      lane.receive();
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
