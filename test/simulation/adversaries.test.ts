// Tenants that try to get more than their share, or to slow their neighbours, in virtual time. Each is one of eight
// tenants of the same weight; the others send requests of mixed sizes without pause.

import { describe, expect, it } from 'vitest';
import { FLOOR_NANOS } from '../../src/daemon/engine/costs.ts';
import { jainIndex, percentile, sumOf } from './measures.ts';
import { ForgetfulScheduler } from './mutants.ts';
import {
  MILLI,
  SECOND,
  type SchedulerClass,
  SimulatedQueue,
  type SimulatedTenant,
  Simulation,
} from './simulation.ts';

const MEBIBYTE = 2 ** 20;
const TENANTS = 8;
const START = SECOND;
const END = 6 * SECOND;

type Attack = (simulation: Simulation, tenant: SimulatedTenant) => void;

/** Does something again and again. */
function every(simulation: Simulation, nanos: number, act: () => void): void {
  simulation.at(simulation.nowNanos + nanos, () => {
    act();
    every(simulation, nanos, act);
  });
}

/** Sends on a queue of its own, gives that up with all that waits in it, and takes another. */
function reconnect(simulation: Simulation, tenant: SimulatedTenant, bytes: number): void {
  let queue = new SimulatedQueue(tenant);
  every(simulation, 0.3 * MILLI, () => {
    simulation.device.scheduler.remove(queue);
    queue = new SimulatedQueue(tenant);
    for (let count = 0; count < 16; count++) simulation.submit(queue, bytes);
  });
}

/** Keeps the device wanted and has the engine do `perMilli` things a millisecond that are no requests. */
function flood(simulation: Simulation, tenant: SimulatedTenant, perMilli: number): void {
  simulation.keepBusy(tenant, () => simulation.random.size(64, MEBIBYTE), 32);
  every(simulation, MILLI, () => tenant.flow.charge(perMilli * FLOOR_NANOS));
}

const attacks: Readonly<Record<string, Attack>> = {
  'sends the largest requests only': (simulation, tenant) => {
    simulation.keepBusy(tenant, () => MEBIBYTE, 256);
  },
  'sends the smallest requests only': (simulation, tenant) => {
    simulation.keepBusy(tenant, () => 64, 256);
  },
  'never reaps, and opens another channel instead': (simulation, tenant) => {
    every(simulation, 10 * MILLI, () => {
      const queue = new SimulatedQueue(tenant);
      for (let count = 0; count < 64; count++) simulation.submit(queue, simulation.random.size(64, MEBIBYTE));
    });
  },
  'reconnects all the time, with large requests': (simulation, tenant) => {
    reconnect(simulation, tenant, MEBIBYTE);
  },
  'reconnects all the time, with small requests': (simulation, tenant) => {
    reconnect(simulation, tenant, 4_096);
  },
  'has thousands of queues': (simulation, tenant) => {
    for (let index = 0; index < 4_096; index++) simulation.keepBusy(tenant, () => MEBIBYTE / 4, 2);
  },
  'floods its doorbell': (simulation, tenant) => flood(simulation, tenant, 50),
  'sends rubbish between its requests': (simulation, tenant) => flood(simulation, tenant, 500),
  'comes and goes': (simulation, tenant) => {
    const queue = new SimulatedQueue(tenant);
    every(simulation, 20 * MILLI, () => {
      for (let count = 0; count < 8; count++) simulation.submit(queue, MEBIBYTE);
    });
  },
  'sends what takes 50 times as long as it looks': (simulation, tenant) => {
    const queue = new SimulatedQueue(tenant);
    const send = (): void => simulation.submit(queue, 4_096, 50 * simulation.nanosOf(4_096));
    tenant.onCompleted = send;
    for (let count = 0; count < 64; count++) send();
  },
  'sends what looks large and takes no time': (simulation, tenant) => {
    const queue = new SimulatedQueue(tenant);
    const send = (): void => simulation.submit(queue, MEBIBYTE, 5_000);
    tenant.onCompleted = send;
    for (let count = 0; count < 64; count++) send();
  },
  'hides a huge request among small ones': (simulation, tenant) => {
    const queue = new SimulatedQueue(tenant);
    let sent = 0;
    const send = (): void => {
      sent += 1;
      simulation.submit(queue, 4_096, (sent % 50 === 0 ? 700 : 1) * simulation.nanosOf(4_096));
    };
    tenant.onCompleted = send;
    for (let count = 0; count < 64; count++) send();
  },
  'is honest for a while, then cheats': (simulation, tenant) => {
    const queue = new SimulatedQueue(tenant);
    let sent = 0;
    const send = (): void => {
      sent += 1;
      const isHonest = sent % 400 < 300;
      simulation.submit(queue, 4_096, (isHonest ? 1 : 50) * simulation.nanosOf(4_096));
    };
    tenant.onCompleted = send;
    for (let count = 0; count < 64; count++) send();
  },
};

/** Shares of device time, 1 being what is a tenant's due: of the adversary, then of the others. */
function sharesUnder(attack: Attack, ports: number, scheduler?: SchedulerClass): number[] {
  const simulation = new Simulation({ ports, ...(scheduler && { scheduler }) });
  const adversary = simulation.addTenant('adversary');
  for (let index = 1; index < TENANTS; index++) {
    const tenant = simulation.addTenant(`t${index}`);
    simulation.keepBusy(tenant, () => simulation.random.size(64, MEBIBYTE), 32);
  }
  attack(simulation, adversary);
  simulation.runUntil(START);
  const used = simulation.measureUntil(END);
  return used.map((nanos) => (nanos * TENANTS) / (ports * (END - START)));
}

describe('an adversary', () => {
  it.each(
    Object.entries(attacks).flatMap(([name, attack]) =>
      [1, 2].map((ports) => [name, ports, attack] as const),
    ),
  )('that %s gains at most 2 %, and takes nothing from the others (%i ports)', (_, ports, attack) => {
    const [adversary = Number.NaN, ...others] = sharesUnder(attack, ports);
    expect(adversary).toBeLessThanOrEqual(1.02);
    for (const share of others) expect(share).toBeGreaterThanOrEqual(0.98);
    expect(jainIndex(others)).toBeGreaterThan(0.999);
  });

  it('gains, where debts are forgotten', () => {
    const attack = attacks['reconnects all the time, with small requests'] as Attack;
    expect(sharesUnder(attack, 1, ForgetfulScheduler)[0]).toBeGreaterThan(1.02);
  });

  it('exploits a wrong estimate for one round: as much as a port takes at once', () => {
    const simulation = new Simulation();
    for (let index = 1; index < TENANTS; index++) {
      simulation.keepBusy(simulation.addTenant(`t${index}`), () => 65_536, 32);
    }
    simulation.runUntil(SECOND);
    const adversary = simulation.addTenant('adversary');
    const queue = new SimulatedQueue(adversary);
    const nanos = 50 * simulation.nanosOf(4_096);
    const send = (): void => simulation.submit(queue, 4_096, nanos);
    adversary.onCompleted = send;
    for (let count = 0; count < 64; count++) send();
    // However long it goes on, it is ahead of its share by what it took by surprise, and not by more.
    const before = sumOf(simulation.tenants.map(({ usedNanos }) => usedNanos));
    let aheadNanos = 0;
    for (let millis = 10; millis <= 4_000; millis += 10) {
      simulation.runUntil(SECOND + millis * MILLI);
      const all = sumOf(simulation.tenants.map(({ usedNanos }) => usedNanos)) - before;
      aheadNanos = Math.max(aheadNanos, adversary.usedNanos - all / TENANTS);
    }
    const roundRequests = 1 + (100_000 / simulation.nanosOf(4_096)) * 2;
    expect(aheadNanos).toBeLessThan(roundRequests * nanos);
    const light = simulation.addTenant('light');
    const lightQueue = new SimulatedQueue(light);
    every(simulation, 5 * MILLI, () => simulation.submit(lightQueue, 4_096));
    simulation.runUntil(6 * SECOND);
    expect(percentile(light.waits, 0.99)).toBeLessThanOrEqual(1.5 * nanos);
  });
});
