import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Flow, QUANTUM_NANOS, type Schedulable, Scheduler } from '../../../src/daemon/engine/scheduler.ts';

interface TestQueue extends Schedulable {
  readonly name: string;
}

function createQueue(flow: Flow, name = flow.name): TestQueue {
  return { flow, name, nextQueue: undefined, isScheduled: false };
}

/** Serves `total` nanoseconds of always backlogged queues; device time by flow name. */
function serve(
  scheduler: Scheduler<TestQueue>,
  costs: Map<TestQueue, () => number>,
  total: number,
): Map<string, number> {
  const served = new Map<string, number>();
  for (const queue of costs.keys()) scheduler.activate(queue);
  for (let sum = 0; sum < total; ) {
    const queue = scheduler.next() as TestQueue;
    const cost = (costs.get(queue) as () => number)();
    scheduler.dispatched(queue, cost, true);
    served.set(queue.flow.name, (served.get(queue.flow.name) ?? 0) + cost);
    sum += cost;
  }
  return served;
}

describe('the scheduler', () => {
  it('shares device time by weight, whatever the sizes of requests', () => {
    const scheduler = new Scheduler<TestQueue>();
    const sizes = [300, 20_000, 900_000, 5_000_000];
    const costs = new Map<TestQueue, () => number>();
    for (let index = 0; index < 16; index++) {
      const cost = sizes[index % sizes.length] as number;
      costs.set(createQueue(new Flow(`t${index}`, index + 1)), () => cost);
    }
    const total = 6e9;
    const served = serve(scheduler, costs, total);
    const normalised = [...served].map(([name, nanos]) => nanos / (Number(name.slice(1)) + 1));
    const sum = normalised.reduce((a, b) => a + b);
    const squares = normalised.reduce((a, b) => a + b * b, 0);
    expect(sum ** 2 / (normalised.length * squares)).toBeGreaterThan(0.999);
  });

  it('divides a flow among its queues in turn', () => {
    const scheduler = new Scheduler<TestQueue>();
    const flow = new Flow('a', 1);
    const queues = ['q1', 'q2', 'q3'].map((name) => createQueue(flow, name));
    for (const queue of queues) scheduler.activate(queue);
    const order: string[] = [];
    for (let index = 0; index < 6; index++) {
      const queue = scheduler.next() as TestQueue;
      order.push(queue.name);
      scheduler.dispatched(queue, 1_000, true);
    }
    expect(order).toEqual(['q1', 'q2', 'q3', 'q1', 'q2', 'q3']);
  });

  it('keeps the debt of a flow that leaves and comes back, and no credit', () => {
    const scheduler = new Scheduler<TestQueue>();
    const heavy = createQueue(new Flow('heavy', 1));
    scheduler.activate(heavy);
    scheduler.next();
    scheduler.dispatched(heavy, 10_000_000, false);
    expect(heavy.flow.balanceNanos).toBeLessThan(-9_000_000);
    const again = createQueue(heavy.flow);
    const light = createQueue(new Flow('light', 1));
    const served = serve(
      scheduler,
      new Map([
        [again, () => 1_000],
        [light, () => 1_000],
      ]),
      9_000_000,
    );
    expect(served.get('heavy') ?? 0).toBe(0);
    expect(served.get('light')).toBe(9_000_000);

    const idle = new Flow('idle', 1);
    scheduler.settle(idle, 1_000_000, 0);
    expect(idle.balanceNanos).toBe(0);
  });

  it('charges what is served while nobody waits as one turn: the rest is a debt', () => {
    const scheduler = new Scheduler<TestQueue>();
    const flow = new Flow('a', 2);
    scheduler.served(flow, QUANTUM_NANOS);
    expect(flow.balanceNanos).toBe(0);
    scheduler.served(flow, 10 * QUANTUM_NANOS);
    scheduler.served(flow, 10 * QUANTUM_NANOS);
    expect(flow.balanceNanos).toBe(-8 * QUANTUM_NANOS);
  });

  it('serves a flow alone without pause, however deep in debt', () => {
    const scheduler = new Scheduler<TestQueue>();
    const queue = createQueue(new Flow('a', 1));
    queue.flow.balanceNanos = -1e15;
    scheduler.activate(queue);
    expect(scheduler.next()).toBe(queue);
    expect(queue.flow.balanceNanos).toBeGreaterThan(0);
    expect(queue.flow.balanceNanos).toBeLessThanOrEqual(QUANTUM_NANOS);
  });

  it('serves all that waits exactly once, through any order of arrivals, removals and settlements', () => {
    const event = fc.record({
      what: fc.constantFrom('arrive', 'serve', 'serve', 'remove', 'settle'),
      queue: fc.nat({ max: 5 }),
      cost: fc.nat({ max: 3_000_000 }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 300 }), (events) => {
        const scheduler = new Scheduler<TestQueue>();
        const flows = [new Flow('a', 1), new Flow('b', 3), new Flow('c', 0.5)];
        const queues = Array.from({ length: 6 }, (_, index) =>
          createQueue(flows[index % 3] as Flow, `q${index}`),
        );
        const waiting = new Map<TestQueue, number>(queues.map((queue) => [queue, 0]));
        const countOf = (queue: TestQueue): number => waiting.get(queue) ?? 0;
        for (const { what, queue: index, cost } of events) {
          const queue = queues[index] as TestQueue;
          if (what === 'arrive') {
            waiting.set(queue, countOf(queue) + 1);
            scheduler.activate(queue);
          } else if (what === 'remove') {
            waiting.set(queue, 0);
            scheduler.remove(queue);
          } else if (what === 'settle') {
            scheduler.settle(queue.flow, 1_000, cost);
          } else {
            const next = scheduler.next();
            const isAny = queues.some((candidate) => countOf(candidate) > 0);
            expect(next !== undefined).toBe(isAny);
            expect(scheduler.isIdle).toBe(!isAny);
            if (next === undefined) continue;
            expect(countOf(next)).toBeGreaterThan(0);
            waiting.set(next, countOf(next) - 1);
            scheduler.dispatched(next, cost, countOf(next) > 0);
          }
        }
      }),
    );
  });
});
