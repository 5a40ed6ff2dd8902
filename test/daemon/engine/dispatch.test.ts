import { describe, expect, it } from 'vitest';
import { Dispatcher, type DispatchQueue, NO_SLOT, PortLoad } from '../../../src/daemon/engine/dispatch.ts';
import { SEND_FULL, SEND_PENDING, SEND_TAKEN } from '../../../src/hwdrivers/driver.ts';
import type { Flow, Schedulable } from '../../../src/daemon/engine/scheduler.ts';

const OPERATION = 3;
const BYTES = 4_096;

class TestQueue implements DispatchQueue {
  readonly flow: Flow;
  readonly slots: number[] = [];
  nextQueue: Schedulable | undefined = undefined;
  previousQueue: Schedulable | undefined = undefined;
  isScheduled = false;

  constructor(flow: Flow) {
    this.flow = flow;
  }

  get firstSlot(): number {
    return this.slots[0] ?? NO_SLOT;
  }

  append(slot: number): void {
    this.slots.push(slot);
  }

  prepend(slot: number): void {
    this.slots.unshift(slot);
  }

  shift(): number {
    return this.slots.shift() as number;
  }
}

/** Ports of which each takes `depth` requests; whatever is sent stays there until the test completes it. */
class TestDispatcher extends Dispatcher<TestQueue, PortLoad> {
  readonly sent: {
    readonly port: PortLoad;
    readonly queue: TestQueue;
    readonly slot: number;
    readonly nanos: number;
  }[] = [];
  isFull = false;
  /** Requests whose memory the device doesn't reach yet. */
  readonly pending = new Set<number>();

  constructor(portCount = 1, depth = 1_000) {
    super();
    for (let index = 0; index < portCount; index++) {
      const port = new PortLoad(depth);
      port.isReady = true;
      this.ports.push(port);
    }
  }

  get portsUsed(): number[] {
    return this.ports.map(({ inFlight }) => inFlight);
  }

  protected operationOf(): number {
    return OPERATION;
  }

  protected bytesOf(): number {
    return BYTES;
  }

  protected send(port: PortLoad, queue: TestQueue, slot: number, nanos: number): number {
    if (this.isFull) return SEND_FULL;
    if (this.pending.has(slot)) return SEND_PENDING;
    port.inFlight += 1;
    port.workNanos += nanos;
    this.sent.push({ port, queue, slot, nanos });
    return SEND_TAKEN;
  }

  /** The oldest request ends after so long. */
  complete(measuredNanos: number, isGood = true): void {
    const { port, queue, slot, nanos } = this.sent.shift() as (typeof this.sent)[number];
    port.inFlight -= 1;
    port.workNanos -= nanos;
    this.account(queue, slot, nanos, measuredNanos, isGood);
  }

  /** The port of the oldest request is lost. */
  lose(): void {
    const { port, queue, slot, nanos } = this.sent.shift() as (typeof this.sent)[number];
    port.inFlight -= 1;
    port.workNanos -= nanos;
    this.putBack(queue, slot, nanos);
  }
}

describe('the dispatcher', () => {
  it('sends at once while nobody waits and a port has room, to the port with the least work', () => {
    const dispatcher = new TestDispatcher(2);
    const queue = new TestQueue(dispatcher.scheduler.createFlow('a', 1));
    for (let slot = 0; slot < 4; slot++) dispatcher.submit(queue, slot);
    expect(dispatcher.portsUsed).toEqual([2, 2]);
    expect(queue.slots).toEqual([]);
  });

  it('keeps outside what a port would take long to get to', () => {
    const dispatcher = new TestDispatcher();
    const queue = new TestQueue(dispatcher.scheduler.createFlow('a', 1));
    for (let slot = 0; slot < 200; slot++) dispatcher.submit(queue, slot);
    const [inFlight = 0] = dispatcher.portsUsed;
    const nanos = dispatcher.sent[0]?.nanos ?? 0;
    expect(inFlight).toBe(Math.ceil(1_000_000 / nanos));
    expect(queue.slots).toHaveLength(200 - inFlight);
    dispatcher.complete(nanos);
    expect(dispatcher.dispatch()).toBe(1);
    expect(dispatcher.sent.at(-1)?.slot).toBe(inFlight);
  });

  it('keeps what a port refuses, in its order', () => {
    const dispatcher = new TestDispatcher();
    const queue = new TestQueue(dispatcher.scheduler.createFlow('a', 1));
    dispatcher.isFull = true;
    for (let slot = 0; slot < 3; slot++) dispatcher.submit(queue, slot);
    expect(dispatcher.dispatch()).toBe(0);
    dispatcher.isFull = false;
    expect(dispatcher.dispatch()).toBe(3);
    expect(dispatcher.sent.map(({ slot }) => slot)).toEqual([0, 1, 2]);
  });

  it('keeps nobody waiting for a queue whose request names memory that the device does not reach yet', () => {
    const dispatcher = new TestDispatcher();
    const parked = new TestQueue(dispatcher.scheduler.createFlow('parked', 1));
    const other = new TestQueue(dispatcher.scheduler.createFlow('other', 1));
    dispatcher.pending.add(0).add(1);
    dispatcher.submit(parked, 0);
    dispatcher.submitSuspect(parked, 1);
    dispatcher.submit(other, 2);
    while (dispatcher.isWaiting) dispatcher.dispatch();
    expect(dispatcher.sent.map(({ slot }) => slot)).toEqual([2]);
    dispatcher.complete(1_000);
    dispatcher.unpark();
    while (dispatcher.isWaiting) dispatcher.dispatch();
    expect(dispatcher.sent).toEqual([]);
    dispatcher.pending.clear();
    dispatcher.unpark();
    expect(dispatcher.isWaiting).toBe(true);
    dispatcher.dispatch();
    expect(dispatcher.sent.map(({ slot }) => slot)).toEqual([1]);
    dispatcher.complete(1_000);
    while (dispatcher.isWaiting) dispatcher.dispatch();
    expect(dispatcher.sent.map(({ slot }) => slot)).toEqual([0]);
  });

  it('gives back the charge of what a lost port held, and sends it again first', () => {
    const dispatcher = new TestDispatcher(1, 1);
    const flow = dispatcher.scheduler.createFlow('a', 1);
    const queue = new TestQueue(flow);
    for (let slot = 0; slot < 3; slot++) dispatcher.submit(queue, slot);
    const debtNanos = dispatcher.scheduler.debtOf(flow);
    dispatcher.lose();
    expect(dispatcher.scheduler.debtOf(flow)).toBe(0);
    expect(dispatcher.dispatch()).toBe(1);
    expect(dispatcher.sent[0]?.slot).toBe(0);
    expect(dispatcher.scheduler.debtOf(flow)).toBe(debtNanos);
  });

  it('believes a flow soon that its requests take long, and only that one', () => {
    const dispatcher = new TestDispatcher();
    const slow = new TestQueue(dispatcher.scheduler.createFlow('slow', 1));
    const other = new TestQueue(dispatcher.scheduler.createFlow('other', 1));
    for (let count = 0; count < 100; count++) {
      dispatcher.submit(other, 0);
      dispatcher.complete(30_000);
    }
    for (let count = 0; count < 10; count++) {
      dispatcher.submit(slow, 0);
      dispatcher.complete(900_000);
    }
    expect(dispatcher.estimate(slow, 0)).toBeGreaterThan(500_000);
    expect(dispatcher.estimate(other, 0)).toBeLessThan(200_000);
  });

  it('learns nothing from requests that failed, but charges what they took', () => {
    const dispatcher = new TestDispatcher();
    const queue = new TestQueue(dispatcher.scheduler.createFlow('a', 1));
    const nanos = dispatcher.estimate(queue, 0);
    for (let count = 0; count < 100; count++) {
      dispatcher.submit(queue, 0);
      dispatcher.complete(300, false);
    }
    expect(dispatcher.estimate(queue, 0)).toBe(nanos);
    expect(dispatcher.scheduler.debtOf(queue.flow)).toBeLessThanOrEqual(300);
  });
});
