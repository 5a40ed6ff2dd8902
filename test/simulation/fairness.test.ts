// The bars of fair scheduling, in virtual time: the engine's own scheduler and dispatcher, a made-up device. Each
// bar is also tried on a scheduler that is wrong on purpose, and has to tell.

import { describe, expect, it } from 'vitest';
import { jainIndex, percentile, sumOf } from './measures.ts';
import { CountingScheduler, TurnScheduler } from './mutants.ts';
import { MILLI, SECOND, type SchedulerClass, SimulatedQueue, Simulation } from './simulation.ts';

const MEBIBYTE = 2 ** 20;
const PORT_COUNTS = [1, 2, 4];

/** Jain's index of device time by weight, of tenants with weights 1, 2, ... and requests of mixed sizes. */
function fairnessOf(options: {
  ports: number;
  tenants: number;
  weights: number;
  scheduler?: SchedulerClass;
}) {
  const { ports, tenants, weights, scheduler } = options;
  const simulation = new Simulation({ ports, ...(scheduler && { scheduler }) });
  for (let index = 0; index < tenants; index++) {
    const tenant = simulation.addTenant(`t${index}`, 1 + (index % weights));
    simulation.keepBusy(tenant, () => simulation.random.size(64, MEBIBYTE), 32);
  }
  simulation.runUntil(SECOND);
  const used = simulation.measureUntil(11 * SECOND);
  return jainIndex(used.map((nanos, index) => nanos / (1 + (index % weights))));
}

/** 16 tenants that send the largest requests without pause, and one that sends a small one now and then. */
function lightWait(options: { ports: number; nanosPerByte?: number; scheduler?: SchedulerClass }): number {
  const { ports, nanosPerByte = 1, scheduler } = options;
  const serviceTime = { fixedNanos: 10_000, nanosPerByte };
  const simulation = new Simulation({ ports, serviceTime, ...(scheduler && { scheduler }) });
  for (let index = 0; index < 16; index++) {
    simulation.keepBusy(simulation.addTenant(`heavy${index}`), () => MEBIBYTE);
  }
  const queue = new SimulatedQueue(simulation.addTenant('light'));
  // A quarter of what is its due.
  const meanNanos = (4 * 17 * simulation.nanosOf(4096)) / ports;
  const send = (): void => {
    simulation.submit(queue, 4096);
    simulation.at(simulation.nowNanos + simulation.random.interval(meanNanos), send);
  };
  simulation.at(SECOND, send);
  simulation.runUntil(6 * SECOND);
  expect(queue.tenant.waits.length).toBeGreaterThan(1_000);
  return percentile(queue.tenant.waits, 0.99) / simulation.nanosOf(MEBIBYTE);
}

describe('device time', () => {
  it.each(PORT_COUNTS)(
    'goes by weight among 16 tenants, whatever the sizes of requests (%i ports)',
    (ports) => {
      expect(fairnessOf({ ports, tenants: 16, weights: 16 })).toBeGreaterThanOrEqual(0.999);
    },
  );

  it.each(PORT_COUNTS)('goes by weight among 1000 tenants (%i ports)', (ports) => {
    expect(fairnessOf({ ports, tenants: 1_000, weights: 4 })).toBeGreaterThanOrEqual(0.99);
  });

  it('would not, were requests counted and not timed', () => {
    const tenants = { ports: 1, weights: 1, scheduler: CountingScheduler };
    const simulation = new Simulation(tenants);
    for (const bytes of [64, MEBIBYTE]) simulation.keepBusy(simulation.addTenant(`of ${bytes}`), () => bytes);
    expect(jainIndex(simulation.measureUntil(SECOND))).toBeLessThan(0.6);
    expect(fairnessOf({ tenants: 16, ...tenants, weights: 16 })).toBeLessThan(0.999);
  });

  it('that an idle tenant leaves goes to the others, by weight', () => {
    const simulation = new Simulation({ ports: 2 });
    const weights = [1, 2, 3];
    const busy = weights.map((weight) => simulation.addTenant(`busy${weight}`, weight));
    for (const tenant of busy) simulation.keepBusy(tenant, () => simulation.random.size(64, MEBIBYTE), 32);
    simulation.addTenant('idle', 10);
    simulation.runUntil(SECOND);
    const used = simulation.measureUntil(6 * SECOND);
    expect(sumOf(used) / (2 * 5 * SECOND)).toBeGreaterThan(0.99);
    for (const [index, weight] of weights.entries()) {
      const share = (used[index] ?? 0) / sumOf(used);
      expect(Math.abs(share / (weight / 6) - 1)).toBeLessThan(0.01);
    }
  });

  it.each([
    ['raised', 1, 8],
    ['lowered', 8, 1],
    ['raised from next to nothing', 0.01, 8],
  ])('follows a weight that is %s within 100 ms', (_, before, after) => {
    const simulation = new Simulation();
    const changed = simulation.addTenant('changed', before);
    for (let index = 0; index < 7; index++) simulation.addTenant(`t${index}`);
    for (const tenant of simulation.tenants) {
      simulation.keepBusy(tenant, () => simulation.random.size(64, 65_536), 32);
    }
    simulation.runUntil(SECOND);
    changed.flow.weight = after;
    const used = simulation.measureUntil(SECOND + 100 * MILLI);
    const share = (used[0] ?? 0) / sumOf(used);
    expect(Math.abs(share / (after / (after + 7)) - 1)).toBeLessThan(0.05);
  });
});

describe('a light tenant beside 16 heavy ones', () => {
  it.each([
    [1, 0.1],
    [1, 1],
    [1, 5],
    [2, 1],
    [4, 1],
  ])('waits for at most 1.5 of the largest requests (%i ports, %d ns a byte)', (ports, nanosPerByte) => {
    expect(lightWait({ ports, nanosPerByte })).toBeLessThanOrEqual(1.5);
  });

  it('would wait for more, had everybody a turn', () => {
    expect(lightWait({ ports: 1, scheduler: TurnScheduler })).toBeGreaterThan(5);
  });
});
