// Who is served next on one device: weighted deficit round robin over tenants, then round robin over the queues
// of each tenant.
//
// A flow is one tenant on one device. Each turn adds `quantum * weight` nanoseconds to its balance; it is served
// while the balance is positive, and each dispatched request takes its estimated device time off it. The balance
// may go below zero by one request, so no request is ever too large to be served, and a flow that overdrew waits
// for as many turns as it takes. At completion the estimate is settled against the measured time. A flow that has
// nothing to send leaves with at most a zero balance (idle time can't be saved up), but keeps its debt, which so
// survives queues, channels and reconnects.
//
//      active flows, in a ring            queues of a flow that have requests, in a ring
//   head -> A -> B -> C -> (A)             A: q3 -> q7 -> (q3)
//
// Pure: no clock, no I/O, no knowledge of channels.

import { assert } from '../../shared/assert.ts';

/** Device time that a flow of weight 1 gets in each turn. Small, so that turns are short beside what it serves. */
export const QUANTUM_NANOS = 20_000;

/** What the scheduler needs to know of a queue: which flow pays, and whether something waits in it. */
export interface Schedulable {
  readonly flow: Flow;
  /** Links of the flow's ring of backlogged queues; the scheduler's own. */
  nextQueue: Schedulable | undefined;
  isScheduled: boolean;
}

export class Flow {
  readonly name: string;
  weight: number;
  /** Device time in hand, nanoseconds; negative: a debt. */
  balanceNanos = 0;
  /** Circular list: the last queue, whose next is the first. */
  lastQueue: Schedulable | undefined = undefined;
  /** Links of the ring of active flows; both undefined while the flow is idle. */
  nextFlow: Flow | undefined = undefined;
  previousFlow: Flow | undefined = undefined;

  constructor(name: string, weight: number) {
    assert(weight > 0, `${name} has a positive weight`);
    this.name = name;
    this.weight = weight;
  }
}

export class Scheduler<Queue extends Schedulable> {
  /** The flow whose turn it is: it has had its quantum for this turn. */
  #current: Flow | undefined = undefined;

  get isIdle(): boolean {
    return this.#current === undefined;
  }

  /** Tells that a queue has at least one request waiting. Harmless if that was known. */
  activate(queue: Queue): void {
    if (queue.isScheduled) return;
    queue.isScheduled = true;
    const { flow } = queue;
    const last = flow.lastQueue;
    flow.lastQueue = queue;
    if (last === undefined) {
      queue.nextQueue = queue;
      this.#join(flow);
    } else {
      queue.nextQueue = last.nextQueue;
      last.nextQueue = queue;
    }
  }

  /**
   * The queue whose oldest request goes to the device next; undefined if nothing waits. The same until `dispatched`
   * says that it went.
   */
  next(): Queue | undefined {
    const start = this.#current;
    if (start === undefined) return undefined;
    let flow = start;
    while (flow.balanceNanos <= 0) {
      flow = flow.nextFlow as Flow;
      if (flow === start) skipIdleTurns(start);
      flow.balanceNanos += QUANTUM_NANOS * flow.weight;
    }
    this.#current = flow;
    return (flow.lastQueue as Schedulable).nextQueue as Queue;
  }

  /** Charges a dispatched request. `hasMore`: something still waits in the queue. */
  dispatched(queue: Queue, costNanos: number, hasMore: boolean): void {
    const { flow } = queue;
    flow.balanceNanos -= costNanos;
    // The queue was the first of its flow's ring: it becomes the last, or leaves.
    if (hasMore) flow.lastQueue = queue;
    else this.#unlink(queue, flow.lastQueue as Schedulable);
  }

  /**
   * A request was served while nobody waited, as if its flow had joined, had its turn and left: earlier debt is
   * forgiven, since its turns would have passed at once, and what it costs beyond one turn is a debt.
   */
  served(flow: Flow, costNanos: number): void {
    assert(this.#current === undefined, 'nobody waits');
    const leftNanos = QUANTUM_NANOS * flow.weight - costNanos;
    if (leftNanos < 0) flow.balanceNanos = leftNanos;
    else if (flow.balanceNanos !== 0) flow.balanceNanos = 0;
  }

  /** Takes a queue out, wherever it is: it was released, or its requests were. */
  remove(queue: Queue): void {
    if (!queue.isScheduled) return;
    let before = queue.flow.lastQueue as Schedulable;
    while (before.nextQueue !== queue) before = before.nextQueue as Schedulable;
    this.#unlink(queue, before);
  }

  /** Corrects a charge when the device time is known. */
  settle(flow: Flow, estimatedNanos: number, measuredNanos: number): void {
    flow.balanceNanos += estimatedNanos - measuredNanos;
    if (flow.nextFlow === undefined && flow.balanceNanos > 0) flow.balanceNanos = 0;
  }

  #unlink(queue: Schedulable, before: Schedulable): void {
    const { flow } = queue;
    if (before === queue) {
      flow.lastQueue = undefined;
      this.#leave(flow);
    } else {
      before.nextQueue = queue.nextQueue;
      if (flow.lastQueue === queue) flow.lastQueue = before;
    }
    queue.nextQueue = undefined;
    queue.isScheduled = false;
  }

  /** Puts a flow where its turn comes last: just before the current one. */
  #join(flow: Flow): void {
    const current = this.#current;
    if (current === undefined) {
      flow.nextFlow = flow;
      flow.previousFlow = flow;
      this.#startTurn(flow);
    } else {
      const last = current.previousFlow as Flow;
      flow.nextFlow = current;
      flow.previousFlow = last;
      last.nextFlow = flow;
      current.previousFlow = flow;
    }
  }

  #leave(flow: Flow): void {
    const next = flow.nextFlow as Flow;
    const previous = flow.previousFlow as Flow;
    previous.nextFlow = next;
    next.previousFlow = previous;
    flow.nextFlow = undefined;
    flow.previousFlow = undefined;
    if (flow.balanceNanos > 0) flow.balanceNanos = 0;
    if (flow !== this.#current) return;
    if (next === flow) this.#current = undefined;
    else this.#startTurn(next);
  }

  #startTurn(flow: Flow): void {
    this.#current = flow;
    flow.balanceNanos += QUANTUM_NANOS * flow.weight;
  }
}

/** All active flows are in debt: takes at once the turns that would pass before the first of them is served. */
function skipIdleTurns(start: Flow): void {
  let turns = Number.POSITIVE_INFINITY;
  let flow = start;
  do {
    turns = Math.min(turns, Math.floor(-flow.balanceNanos / (QUANTUM_NANOS * flow.weight)));
    flow = flow.nextFlow as Flow;
  } while (flow !== start);
  do {
    flow.balanceNanos += turns * QUANTUM_NANOS * flow.weight;
    flow = flow.nextFlow as Flow;
  } while (flow !== start);
}
