import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Flow, type Schedulable, Scheduler } from '../../../src/daemon/engine/scheduler.ts';

interface TestQueue extends Schedulable {
  readonly name: string;
  /** Device time of each of its requests, nanoseconds. */
  costNanos: number;
}

function createScheduler(): Scheduler<TestQueue> {
  return new Scheduler<TestQueue>(({ costNanos }) => costNanos);
}

function createQueue(flow: Flow, costNanos = 1_000, name = flow.name): TestQueue {
  return { flow, name, costNanos, nextQueue: undefined, previousQueue: undefined, isScheduled: false };
}

/** Serves always backlogged queues until `total` nanoseconds are used; device time by flow name. */
function serve(
  scheduler: Scheduler<TestQueue>,
  queues: readonly TestQueue[],
  total: number,
): Map<string, number> {
  const served = new Map<string, number>(queues.map(({ flow }) => [flow.name, 0]));
  for (const queue of queues) scheduler.activate(queue);
  for (let sum = 0; sum < total; ) {
    const queue = scheduler.next() as TestQueue;
    scheduler.dispatched(queue, queue.costNanos, true);
    served.set(queue.flow.name, (served.get(queue.flow.name) ?? 0) + queue.costNanos);
    sum += queue.costNanos;
  }
  return served;
}

describe('the scheduler', () => {
  it('shares device time by weight, whatever the sizes of requests', () => {
    const scheduler = createScheduler();
    const sizes = [300, 20_000, 900_000, 5_000_000];
    const queues = Array.from({ length: 16 }, (_, index) =>
      createQueue(scheduler.createFlow(`t${index}`, index + 1), sizes[index % sizes.length]),
    );
    const total = 6e9;
    const served = serve(scheduler, queues, total);
    for (const [index, { flow, costNanos }] of queues.entries()) {
      const due = (total * (index + 1)) / 136;
      expect(Math.abs((served.get(flow.name) ?? 0) - due)).toBeLessThanOrEqual(costNanos + 5_000_000);
    }
  });

  it('divides a flow among its queues in turn', () => {
    const scheduler = createScheduler();
    const flow = scheduler.createFlow('a', 1);
    const queues = ['q1', 'q2', 'q3'].map((name) => createQueue(flow, 1_000, name));
    for (const queue of queues) scheduler.activate(queue);
    const order: string[] = [];
    for (let index = 0; index < 6; index++) {
      const queue = scheduler.next() as TestQueue;
      order.push(queue.name);
      scheduler.dispatched(queue, 1_000, true);
    }
    expect(order).toEqual(['q1', 'q2', 'q3', 'q1', 'q2', 'q3']);
  });

  it('lets the short request of a newcomer pass the long ones of all others', () => {
    const scheduler = createScheduler();
    const heavy = Array.from({ length: 16 }, (_, index) =>
      createQueue(scheduler.createFlow(`heavy${index}`, 1), 5_000_000),
    );
    for (const queue of heavy) scheduler.activate(queue);
    const light = createQueue(scheduler.createFlow('light', 1), 1_000);
    for (let count = 0; count < 100; count++) {
      const first = scheduler.next() as TestQueue;
      scheduler.dispatched(first, first.costNanos, true);
      scheduler.activate(light);
      expect(scheduler.next()).toBe(light);
      scheduler.dispatched(light, 1_000, false);
    }
  });

  it('keeps the debt of a flow that leaves and comes back, and no credit', () => {
    const scheduler = createScheduler();
    const flow = scheduler.createFlow('heavy', 1);
    const heavy = createQueue(flow, 10_000_000);
    const light = createQueue(scheduler.createFlow('light', 1));
    scheduler.activate(heavy);
    scheduler.next();
    scheduler.dispatched(heavy, 10_000_000, false);
    expect(scheduler.debtOf(flow)).toBe(10_000_000);
    const again = createQueue(flow);
    const served = serve(scheduler, [again, light], 10_000_000);
    expect(served.get('heavy')).toBe(0);
    scheduler.remove(light);
    scheduler.remove(again);
    serve(scheduler, [createQueue(scheduler.createFlow('third', 1))], 50_000_000);
    const later = serve(scheduler, [createQueue(light.flow), createQueue(flow)], 20_000_000);
    expect(Math.abs((later.get('heavy') ?? 0) - (later.get('light') ?? 0))).toBeLessThanOrEqual(1_000);
  });

  it('charges what is served while nobody waits against those who come after', () => {
    const scheduler = createScheduler();
    const flow = scheduler.createFlow('a', 2);
    scheduler.served(flow, 1_000_000);
    expect(scheduler.debtOf(flow)).toBe(1_000_000);
    // Nobody was kept waiting by the first, so its debt is over when it is served again.
    scheduler.served(flow, 3_000_000);
    expect(scheduler.debtOf(flow)).toBe(3_000_000);
  });

  it('charges the difference when the device time is known', () => {
    const scheduler = createScheduler();
    const flow = scheduler.createFlow('a', 4);
    const queue = createQueue(flow);
    scheduler.activate(queue);
    scheduler.dispatched(queue, 1_000, true);
    scheduler.settle(flow, 1_000, 50_000);
    expect(scheduler.debtOf(flow)).toBe(50_000);
    const other = createQueue(scheduler.createFlow('b', 4));
    expect(serve(scheduler, [other], 45_000).get('b')).toBe(45_000);
  });

  it('charges what is no request to a flow that is away as well', () => {
    const scheduler = createScheduler();
    const flow = scheduler.createFlow('a', 1);
    serve(scheduler, [createQueue(scheduler.createFlow('b', 1))], 1_000_000);
    flow.charge(7_000);
    flow.charge(7_000);
    expect(scheduler.debtOf(flow)).toBe(14_000);
  });

  it('keeps a debt the same device time when the weight changes', () => {
    const scheduler = createScheduler();
    const flow = scheduler.createFlow('a', 0.01);
    const queue = createQueue(flow, 1_000_000);
    scheduler.activate(queue);
    scheduler.dispatched(queue, 1_000_000, true);
    flow.weight = 100;
    expect(scheduler.debtOf(flow)).toBeCloseTo(1_000_000, 3);
  });

  it('serves a flow alone without pause, however deep in debt', () => {
    const scheduler = createScheduler();
    const queue = createQueue(scheduler.createFlow('a', 1));
    queue.flow.charge(1e15);
    scheduler.activate(queue);
    expect(scheduler.next()).toBe(queue);
    scheduler.dispatched(queue, 1_000, true);
    expect(scheduler.debtOf(queue.flow)).toBe(1_000);
  });

  it('is as exact after years as in the first second', () => {
    const scheduler = createScheduler();
    const slow = createQueue(scheduler.createFlow('slow', 0.01), 1_000_000_000);
    // A request of one second has a length of 100 s in virtual time: a hundred million of them are three years.
    for (let count = 0; count < 1_000_000; count++) {
      scheduler.served(slow.flow, slow.costNanos * 100);
    }
    const queues = [
      createQueue(scheduler.createFlow('a', 1_000), 200),
      createQueue(scheduler.createFlow('b', 500), 200),
    ];
    const served = serve(scheduler, queues, 3_000_000);
    expect(served.get('a')).toBe(2_000_000);
    expect(served.get('b')).toBe(1_000_000);
  });

  it('takes a queue out in the same time, however many a flow has', () => {
    const scheduler = createScheduler();
    const flow = scheduler.createFlow('a', 1);
    const queues = Array.from({ length: 100_000 }, () => createQueue(flow));
    for (const queue of queues) scheduler.activate(queue);
    // Each one a walk along the others, this would be five thousand million steps.
    for (const queue of queues.reverse()) scheduler.remove(queue);
    expect(scheduler.isIdle).toBe(true);
  });

  it('serves all that waits exactly once, through any order of arrivals, removals and settlements', () => {
    const event = fc.record({
      what: fc.constantFrom('arrive', 'serve', 'serve', 'remove', 'settle', 'reweigh', 'charge'),
      queue: fc.nat({ max: 5 }),
      cost: fc.nat({ max: 3_000_000 }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 300 }), (events) => {
        const scheduler = createScheduler();
        const flows = [
          scheduler.createFlow('a', 1),
          scheduler.createFlow('b', 3),
          scheduler.createFlow('c', 0.5),
        ];
        const queues = Array.from({ length: 6 }, (_, index) =>
          createQueue(flows[index % 3] as Flow, 1_000, `q${index}`),
        );
        const waiting = new Map<TestQueue, number>(queues.map((queue) => [queue, 0]));
        const countOf = (queue: TestQueue): number => waiting.get(queue) ?? 0;
        for (const { what, queue: index, cost } of events) {
          const queue = queues[index] as TestQueue;
          if (what === 'arrive') {
            waiting.set(queue, countOf(queue) + 1);
            queue.costNanos = cost;
            scheduler.activate(queue);
          } else if (what === 'remove') {
            waiting.set(queue, 0);
            scheduler.remove(queue);
          } else if (what === 'settle') {
            scheduler.settle(queue.flow, 1_000, cost);
          } else if (what === 'charge') {
            queue.flow.charge(cost);
          } else if (what === 'reweigh') {
            queue.flow.weight = 1 + cost / 1_000;
          } else {
            const next = scheduler.next();
            const isAny = queues.some((candidate) => countOf(candidate) > 0);
            expect(next !== undefined).toBe(isAny);
            expect(scheduler.isIdle).toBe(!isAny);
            if (next === undefined) continue;
            expect(countOf(next)).toBeGreaterThan(0);
            const ends = queues.filter((other) => countOf(other) > 0).map(({ flow }) => flow.endNanos);
            expect(next.flow.endNanos).toBe(Math.min(...ends));
            waiting.set(next, countOf(next) - 1);
            scheduler.dispatched(next, cost, countOf(next) > 0);
          }
        }
      }),
    );
  });
});
