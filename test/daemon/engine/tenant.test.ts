import { describe, expect, it } from 'vitest';
import { FLOOR_NANOS } from '../../../src/daemon/engine/costs.ts';
import { Scheduler } from '../../../src/daemon/engine/scheduler.ts';
import { Tenant } from '../../../src/daemon/engine/tenant.ts';
import { limits } from '../../fixtures/tenant-limits.ts';

describe('a tenant', () => {
  it('has room for what is not in flight', () => {
    const tenant = new Tenant('a', limits);
    tenant.inFlight = 97;
    expect(tenant.room(0)).toBe(3);
    expect(tenant.waitMillis(0)).toBe(0);
  });

  it('waits for its rates: of requests, of bytes', () => {
    const tenant = new Tenant('a', {
      ...limits,
      operations: { perSecond: 1_000, burst: 10 },
      bytes: { perSecond: 1_000_000, burst: 5_000 },
    });
    expect(tenant.room(0)).toBe(10);
    for (let count = 0; count < 10; count++) tenant.spend(100);
    expect(tenant.room(0)).toBe(0);
    expect(tenant.room(3)).toBe(3);
    tenant.spend(20_000);
    expect(tenant.room(3)).toBe(0);
    expect(tenant.waitMillis(3)).toBe(15);
    tenant.configure(limits, 3);
    expect(tenant.room(3)).toBe(100);
  });

  it('pays on all its devices for what is no request, and waits if that is too much', () => {
    const tenant = new Tenant('a', limits);
    const schedulers = [new Scheduler(() => 1), new Scheduler(() => 1)];
    for (const scheduler of schedulers) tenant.flows.push(scheduler.createFlow('a', 1));
    tenant.chargeRubbish(100);
    for (const [index, scheduler] of schedulers.entries()) {
      const [flow] = tenant.flows.slice(index);
      expect(flow && scheduler.debtOf(flow)).toBe(100 * FLOOR_NANOS);
    }
    expect(tenant.room(0)).toBe(100);
    // A hundred thousand entries a second are 2 % of the engine's time.
    tenant.chargeRubbish(100_000);
    expect(tenant.room(0)).toBe(0);
    expect(tenant.room(500)).toBe(0);
    expect(tenant.room(1_000)).toBe(100);
  });

  it('whose requests fault devices has one at a time, then none, until a minute has passed', () => {
    const tenant = new Tenant('a', limits);
    for (let fault = 1; fault <= 5; fault++) {
      tenant.noteFault(fault * 1_000);
      expect(tenant.room(fault * 1_000)).toBe(fault < 3 ? 100 : 1);
      expect(tenant.isStopped(fault * 1_000)).toBe(fault === 5);
    }
    expect(tenant.isStopped(61_000)).toBe(false);
    expect(tenant.isSlowed(62_999)).toBe(true);
    expect(tenant.room(63_000)).toBe(100);
  });

  it('has its weight on all devices at once', () => {
    const tenant = new Tenant('a', limits);
    tenant.flows.push(new Scheduler(() => 1).createFlow('a', 1));
    tenant.configure({ ...limits, weight: 5 }, 0);
    expect(tenant.flows.map(({ weight }) => weight)).toEqual([5]);
  });
});
