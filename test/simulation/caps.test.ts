// Limits of rates, in virtual time: a tenant that always wants more gets what it may have, second by second.

import { describe, expect, it } from 'vitest';
import { Tenant, type TenantLimits } from '../../src/daemon/engine/tenant.ts';
import { MILLI, SECOND, SimulatedQueue, Simulation } from './simulation.ts';

const limits: TenantLimits = {
  weight: 1,
  inFlightMax: 64,
  requestBytesMax: 2 ** 20,
  requestNanosMax: 1e10,
  faultsSlowed: 1,
  faultsStopped: 1,
};

/** Requests and bytes of each second, of a tenant that sends whenever it may, beside a busy one. */
function perSecond(rates: Partial<TenantLimits>, sizeOf: (simulation: Simulation) => number, seconds = 3) {
  const simulation = new Simulation({ ports: 2, serviceTime: { fixedNanos: 10_000, nanosPerByte: 0.1 } });
  simulation.keepBusy(simulation.addTenant('other'), () => 2 ** 20);
  const tenant = new Tenant('capped', { ...limits, ...rates });
  const simulated = simulation.addTenant('capped');
  const queue = new SimulatedQueue(simulated);
  const sent: { operations: number; bytes: number }[] = [];
  let isAsleep = false;
  // As the engine does: takes what there is room for, and looks again when the buckets have filled or room has come.
  const take = (): void => {
    const nowMillis = simulation.nowNanos / MILLI;
    for (let room = tenant.room(nowMillis); room > 0; room = tenant.room(nowMillis)) {
      const bytes = sizeOf(simulation);
      tenant.spend(bytes);
      tenant.inFlight += 1;
      const second = Math.floor(simulation.nowNanos / SECOND);
      const before = sent[second] ?? { operations: 0, bytes: 0 };
      sent[second] = { operations: before.operations + 1, bytes: before.bytes + bytes };
      simulation.submit(queue, bytes);
    }
    const waitMillis = tenant.waitMillis(nowMillis);
    if (waitMillis === 0 || isAsleep) return;
    isAsleep = true;
    // The engine's clock has no fractions of a millisecond to wait for.
    simulation.at(simulation.nowNanos + Math.ceil(waitMillis) * MILLI, () => {
      isAsleep = false;
      take();
    });
  };
  simulated.onCompleted = () => {
    tenant.inFlight -= 1;
    take();
  };
  take();
  simulation.runUntil(seconds * SECOND - 1);
  return sent;
}

describe('a limit of a rate', () => {
  it('of requests holds within 2 % over each second', () => {
    const rate = { perSecond: 20_000, burst: 200 };
    const seconds = perSecond({ operations: rate }, () => 64);
    expect(seconds).toHaveLength(3);
    for (const { operations } of seconds) {
      expect(Math.abs(operations / rate.perSecond - 1)).toBeLessThanOrEqual(0.02);
    }
  });

  it('of bytes holds within 2 % over each second, whatever the sizes', () => {
    const rate = { perSecond: 200_000_000, burst: 2_000_000 };
    const seconds = perSecond({ bytes: rate }, ({ random }) => random.size(64, 2 ** 20));
    expect(seconds).toHaveLength(3);
    for (const { bytes } of seconds) expect(Math.abs(bytes / rate.perSecond - 1)).toBeLessThanOrEqual(0.02);
  });

  it('is what limits: without it the tenant sends more', () => {
    for (const { operations } of perSecond({}, () => 64, 1)) expect(operations).toBeGreaterThan(40_000);
  });
});
