// Who is served next on one device: tenants by weighted fair queueing, then the queues of each tenant in turn.
//
// A flow is one tenant on one device. Its requests lie one behind the other on a line of virtual time, each as long
// as its device time divided by the flow's weight, and the request that ends first is served first. So backlogged
// flows get device time by their weights, whatever the sizes of their requests, and a short request of a newcomer
// passes the long ones of all others: it waits for what the device holds already, where in a round robin it would
// wait for one request of each other tenant.
//
//        v: where the request that was dispatched last began
//        |
//     A  |======= q3 =======|======= q7 ...      third
//     B    |==== q1 ====|=== q1 ...              second
//     C  |= q5 =|                                has just come: first
//
// A flow that comes begins at v, or where its last request ended if that is later. So idle time can't be saved up,
// and a debt survives queues, channels and reconnects. Where a request ends is estimated; when its device time is
// known, `settle` moves the flow by the difference.
//
// Pure: no clock, no I/O, no knowledge of channels.

import { assert } from '../../shared/assert.ts';

/**
 * Virtual times are counted from zero again when v gets here, nanoseconds: a double is then still exact to a
 * thousandth of one, and so charges a weight of 1000 for its shortest request.
 */
const VIRTUAL_NANOS_MAX = 2 ** 42;

/** What the scheduler needs to know of a queue: which flow pays, and whether something waits in it. */
export interface Schedulable {
  readonly flow: Flow;
  /** Links of the flow's ring of backlogged queues; the scheduler's own. */
  nextQueue: Schedulable | undefined;
  previousQueue: Schedulable | undefined;
  isScheduled: boolean;
}

/** What a flow asks of its scheduler. */
interface FlowOwner {
  reweigh(flow: Flow, change: () => void): void;
  charge(flow: Flow, nanos: number): void;
}

export class Flow {
  readonly name: string;
  readonly #owner: FlowOwner;
  #weight: number;
  /** Virtual nanoseconds for one of device time: 1 / weight. */
  virtualPerNano: number;
  /** Virtual time at which its next request begins. */
  startNanos = 0;
  /** Virtual time at which its next request ends, while it has one: its key in the heap. */
  endNanos = 0;
  /** Estimated device time of its next request. */
  headNanos = 0;
  /** How long its requests take, beside what is estimated of anybody's. */
  slowness = 1;
  /** Circular list of its backlogged queues: the last one, whose next is the first. */
  lastQueue: Schedulable | undefined = undefined;
  /** Where it is in the heap; -1 while nothing waits. */
  heapIndex = -1;

  /** Made by `Scheduler.createFlow`. */
  constructor(owner: FlowOwner, name: string, weight: number) {
    assert(weight > 0, `${name} has a positive weight`);
    this.#owner = owner;
    this.name = name;
    this.#weight = weight;
    this.virtualPerNano = 1 / weight;
  }

  get weight(): number {
    return this.#weight;
  }

  /** Takes effect at once, also for the request that waits next and for the debt. */
  set weight(weight: number) {
    assert(weight > 0, `${this.name} has a positive weight`);
    this.#owner.reweigh(this, () => {
      this.#weight = weight;
      this.virtualPerNano = 1 / weight;
    });
  }

  /** Charges what is not a request of its own: entries that were refused, rings of the doorbell. */
  charge(nanos: number): void {
    this.#owner.charge(this, nanos);
  }
}

export class Scheduler<Queue extends Schedulable> {
  readonly #costOf: (queue: Queue) => number;
  readonly #flows = new Set<Flow>();
  /** The flows for which something waits: a binary heap, the one whose request ends first on top. */
  readonly #waiting: Flow[] = [];
  #virtualNanos = 0;

  /** `costOf`: the estimated device time of the oldest request of a queue, nanoseconds. */
  constructor(costOf: (queue: Queue) => number) {
    this.#costOf = costOf;
  }

  createFlow(name: string, weight: number): Flow {
    const flow = new Flow(this, name, weight);
    flow.startNanos = this.#virtualNanos;
    this.#flows.add(flow);
    return flow;
  }

  /** Nothing will come from it any more. */
  removeFlow(flow: Flow): void {
    assert(flow.heapIndex === -1, 'nothing waits in a flow that goes');
    this.#flows.delete(flow);
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  /** Several flows want the device. */
  get isContended(): boolean {
    return this.#waiting.length > 1;
  }

  /** Device time that a flow has had beyond its share, nanoseconds; 0 if it is not ahead. */
  debtOf(flow: Flow): number {
    return Math.max(0, flow.startNanos - this.#virtualNanos) * flow.weight;
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
      queue.previousQueue = queue;
      this.#join(flow);
    } else {
      const first = last.nextQueue as Schedulable;
      queue.nextQueue = first;
      queue.previousQueue = last;
      last.nextQueue = queue;
      first.previousQueue = queue;
    }
  }

  /** Tells that another request than before is a queue's oldest: one that was dispatched came back. */
  headChanged(queue: Queue): void {
    this.activate(queue);
    this.#weighHead(queue.flow);
    this.#reposition(queue.flow);
  }

  /**
   * The queue whose oldest request goes to the device next, its estimate being in `flow.headNanos`; undefined if
   * nothing waits. The same until `dispatched` says that it went.
   */
  next(): Queue | undefined {
    if (this.#waiting.length === 0) return undefined;
    const flow = this.#waiting[0] as Flow;
    return (flow.lastQueue as Schedulable).nextQueue as Queue;
  }

  /** Charges a dispatched request, that of `next`. `hasMore`: something still waits in the queue. */
  dispatched(queue: Queue, costNanos: number, hasMore: boolean): void {
    const { flow } = queue;
    if (flow.startNanos > this.#virtualNanos) this.#virtualNanos = flow.startNanos;
    flow.startNanos += costNanos * flow.virtualPerNano;
    // The queue was the first of its flow's ring: it becomes the last, or leaves.
    if (hasMore) flow.lastQueue = queue;
    else this.#unlink(queue);
    if (flow.lastQueue === undefined) {
      this.#leave(flow);
    } else {
      this.#weighHead(flow);
      this.#sink(flow);
    }
    if (this.#virtualNanos > VIRTUAL_NANOS_MAX) this.#rebase();
  }

  /** Charges a request that was served while nobody waited: as if its flow had come, been served, and left. */
  served(flow: Flow, costNanos: number): void {
    const startNanos = Math.max(flow.startNanos, this.#virtualNanos);
    this.#virtualNanos = startNanos;
    flow.startNanos = startNanos + costNanos * flow.virtualPerNano;
    if (startNanos > VIRTUAL_NANOS_MAX) this.#rebase();
  }

  /** Takes a queue out, wherever it is: it was released, or its requests were. */
  remove(queue: Queue): void {
    if (!queue.isScheduled) return;
    const { flow } = queue;
    this.#unlink(queue);
    if (flow.lastQueue === undefined) {
      this.#leave(flow);
    } else {
      this.#weighHead(flow);
      this.#reposition(flow);
    }
  }

  /** Corrects a charge when the device time is known. */
  settle(flow: Flow, chargedNanos: number, measuredNanos: number): void {
    const virtualNanos = (measuredNanos - chargedNanos) * flow.virtualPerNano;
    flow.startNanos += virtualNanos;
    if (flow.heapIndex === -1) return;
    flow.endNanos += virtualNanos;
    this.#reposition(flow);
  }

  charge(flow: Flow, nanos: number): void {
    // A flow that is away owes from now on, not from when it left.
    if (flow.heapIndex === -1) flow.startNanos = Math.max(flow.startNanos, this.#virtualNanos);
    this.settle(flow, 0, nanos);
  }

  /** What a flow is ahead or behind stays the same device time. */
  reweigh(flow: Flow, change: () => void): void {
    const aheadNanos = (flow.startNanos - this.#virtualNanos) * flow.weight;
    change();
    flow.startNanos = this.#virtualNanos + aheadNanos * flow.virtualPerNano;
    if (flow.heapIndex === -1) return;
    this.#weighHead(flow);
    this.#reposition(flow);
  }

  #weighHead(flow: Flow): void {
    flow.headNanos = this.#costOf((flow.lastQueue as Schedulable).nextQueue as Queue);
    flow.endNanos = flow.startNanos + flow.headNanos * flow.virtualPerNano;
  }

  #unlink(queue: Schedulable): void {
    const { flow } = queue;
    const next = queue.nextQueue as Schedulable;
    const previous = queue.previousQueue as Schedulable;
    if (next === queue) {
      flow.lastQueue = undefined;
    } else {
      previous.nextQueue = next;
      next.previousQueue = previous;
      if (flow.lastQueue === queue) flow.lastQueue = previous;
    }
    queue.nextQueue = undefined;
    queue.previousQueue = undefined;
    queue.isScheduled = false;
  }

  #join(flow: Flow): void {
    if (flow.startNanos < this.#virtualNanos) flow.startNanos = this.#virtualNanos;
    this.#weighHead(flow);
    flow.heapIndex = this.#waiting.length;
    this.#waiting.push(flow);
    this.#rise(flow);
  }

  #leave(flow: Flow): void {
    const last = this.#waiting.pop() as Flow;
    const index = flow.heapIndex;
    flow.heapIndex = -1;
    if (last === flow) return;
    last.heapIndex = index;
    this.#waiting[index] = last;
    this.#reposition(last);
  }

  #reposition(flow: Flow): void {
    this.#rise(flow);
    this.#sink(flow);
  }

  #rise(flow: Flow): void {
    const heap = this.#waiting;
    let index = flow.heapIndex;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above] as Flow;
      if (parent.endNanos <= flow.endNanos) break;
      heap[index] = parent;
      parent.heapIndex = index;
      index = above;
    }
    heap[index] = flow;
    flow.heapIndex = index;
  }

  #sink(flow: Flow): void {
    const heap = this.#waiting;
    const { length } = heap;
    let index = flow.heapIndex;
    for (let below = 2 * index + 1; below < length; below = 2 * index + 1) {
      let child = heap[below] as Flow;
      if (below + 1 < length && (heap[below + 1] as Flow).endNanos < child.endNanos) {
        child = heap[below + 1] as Flow;
      }
      if (child.endNanos >= flow.endNanos) break;
      const freed = child.heapIndex;
      heap[index] = child;
      child.heapIndex = index;
      index = freed;
    }
    heap[index] = flow;
    flow.heapIndex = index;
  }

  /** Counts virtual time from zero again. Who would begin before v begins at v when it comes. */
  #rebase(): void {
    const byNanos = this.#virtualNanos;
    this.#virtualNanos = 0;
    for (const flow of this.#flows) {
      flow.startNanos -= byNanos;
      flow.endNanos -= byNanos;
      if (flow.heapIndex === -1 && flow.startNanos < 0) flow.startNanos = 0;
    }
  }
}
