// Which tenants an engine remembers, with a device of its own kind and a clock that the test sets.

import { beforeEach, describe, expect, it } from 'vitest';
import { configurationSchema } from '../../../src/daemon/config/schema.ts';
import { Device } from '../../../src/daemon/engine/device.ts';
import type { Tenant } from '../../../src/daemon/engine/tenant.ts';
import { AWAY_MAX, AWAY_MILLIS_MIN, Tenants } from '../../../src/daemon/engine/tenants.ts';
import { driverEntry } from '../../../src/hwdrivers/drivers.ts';
import type { SpimdevHost } from '../../../src/hwdrivers/spimdev/host.ts';
import { limits as anyLimits } from '../../fixtures/tenant-limits.ts';

const NANOS_PER_MILLI = 1_000_000;
const limits = { ...anyLimits, operations: { perSecond: 1, burst: 10_000 } };

let nowMillis: number;
let device: Device;
let tenants: Tenants;
let comers: number;

beforeEach(() => {
  nowMillis = 0;
  comers = 0;
  const { null0 } = configurationSchema.parse({}).devices;
  const given = { name: 'null0', requestBytesMax: 4_096, host: {} as SpimdevHost };
  const entry = driverEntry(null0 as NonNullable<typeof null0>, given);
  const events = { onWake() {}, onTrouble() {}, onService() {}, onLeave() {} };
  const description = { ...entry, name: 'null0', driver: 'null', failuresMax: 0, retryMillis: 0 };
  device = new Device(description, { nowMillis: 0 }, events, { number: -1 });
  tenants = new Tenants([device], () => nowMillis);
});

/** So many others come, and go again. */
function comeAndGo(count: number): void {
  for (let each = 0; each < count; each++) tenants.leave(tenants.enter(`t${++comers}`, limits));
}

/** As many come as have to for everybody who may be forgotten to be. */
function crowd(): void {
  comeAndGo(2 * AWAY_MAX);
  nowMillis += AWAY_MILLIS_MIN;
  comeAndGo(2 * AWAY_MAX);
}

/** Came, did something, and went. */
function visitor(act: (tenant: Tenant) => void): Tenant {
  const tenant = tenants.enter('visitor', limits);
  act(tenant);
  tenants.leave(tenant);
  return tenant;
}

describe('a tenant without a channel', () => {
  it('is forgotten when many others have come, with what devices knew of it', () => {
    const gone = visitor(() => {});
    const usage = device.usageOf(gone);
    crowd();
    expect(tenants.find('visitor')).toBeUndefined();
    expect(tenants.enter('visitor', limits)).not.toBe(gone);
    expect(device.usageOf(gone)).not.toBe(usage);
  });

  it('is remembered for a while however many come, and for good where few do', () => {
    const gone = visitor(() => {});
    comeAndGo(3 * AWAY_MAX);
    expect(tenants.find('visitor')).toBe(gone);
    nowMillis = 100 * AWAY_MILLIS_MIN;
    tenants = new Tenants([device], () => nowMillis);
    const only = visitor(() => {});
    nowMillis *= 2;
    comeAndGo(AWAY_MAX);
    expect(tenants.find('visitor')).toBe(only);
  });

  it('is one of a number that does not grow', () => {
    for (let round = 0; round < 8; round++) {
      comeAndGo(AWAY_MAX / 2);
      nowMillis += AWAY_MILLIS_MIN;
    }
    // The one that came last was not away when it came.
    expect([...tenants]).toHaveLength(AWAY_MAX + 1);
  });

  const ties: Readonly<Record<string, (tenant: Tenant) => void>> = {
    'it has another channel': () => tenants.enter('visitor', limits),
    'a device has requests of it': (tenant) => (tenant.inFlight = 1),
    'its rate is used up': (tenant) => {
      for (let count = 0; count < 9_000; count++) tenant.spend(0);
    },
    'its requests have faulted a device': (tenant) => tenant.noteFault(AWAY_MILLIS_MIN - 1),
    'it is ahead of its share': (tenant) => device.flowOf(tenant).charge(AWAY_MILLIS_MIN * NANOS_PER_MILLI),
  };

  it.each(Object.entries(ties))('is not forgotten while %s', (_, act) => {
    const gone = visitor(act);
    const debtNanos = device.debtOf(gone);
    crowd();
    expect(tenants.find('visitor')).toBe(gone);
    expect(device.debtOf(tenants.enter('visitor', limits))).toBe(debtNanos);
  });

  it('is forgiven what it owes at a hundredth of the time that it is away', () => {
    const debtNanos = AWAY_MILLIS_MIN * NANOS_PER_MILLI;
    const gone = visitor((tenant) => device.flowOf(tenant).charge(debtNanos));
    comeAndGo(2 * AWAY_MAX);
    nowMillis = 100 * AWAY_MILLIS_MIN - 1;
    comeAndGo(2 * AWAY_MAX);
    expect(tenants.find('visitor')).toBe(gone);
    nowMillis = 101 * AWAY_MILLIS_MIN;
    comeAndGo(4 * AWAY_MAX);
    expect(tenants.find('visitor')).toBeUndefined();
  });
});
