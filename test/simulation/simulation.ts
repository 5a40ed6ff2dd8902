// A device, its tenants and their load in virtual time. The scheduler, the dispatcher, the learning of costs, the limits of rates:
// all that decides is the engine's own code; only the clock, the ports and the clients are made up.
//
//   client programs --submit--> SimulatedDevice (Dispatcher) --> ports, one request at a time --> completed
//          ^------------------------------ events, in the order of virtual time ------------------------'
//
// Nothing here depends on the host: the same program gives the same figures everywhere.

import { Dispatcher, type DispatchQueue, NO_SLOT, PortLoad } from '../../src/daemon/engine/dispatch.ts';
import { SEND_TAKEN } from '../../src/hwdrivers/driver.ts';
import type { Flow, Schedulable, Scheduler } from '../../src/daemon/engine/scheduler.ts';
import { Random } from './random.ts';

export const MILLI = 1e6;
export const SECOND = 1e9;

/** Operation number of everything that is sent; the cost model sees one operation. */
const OPERATION = 1;

/** Requests that a port holds at most: those of a soft worker's ring. */
const PORT_DEPTH = 128;

export interface Request {
  readonly bytes: number;
  /** Device time, nanoseconds. */
  readonly nanos: number;
  readonly submittedNanos: number;
}

/** What a request of so many bytes takes: a part that is always the same, a part per byte. */
export interface ServiceTime {
  readonly fixedNanos: number;
  readonly nanosPerByte: number;
}

/** One of a tenant's queues. Slots are the indices of its own table of requests. */
export class SimulatedQueue implements DispatchQueue {
  readonly tenant: SimulatedTenant;
  readonly flow: Flow;
  readonly requests: (Request | undefined)[] = [];
  readonly #waiting: number[] = [];
  readonly #free: number[] = [];
  nextQueue: Schedulable | undefined = undefined;
  previousQueue: Schedulable | undefined = undefined;
  isScheduled = false;

  constructor(tenant: SimulatedTenant) {
    this.tenant = tenant;
    this.flow = tenant.flow;
  }

  get firstSlot(): number {
    return this.#waiting[0] ?? NO_SLOT;
  }

  append(slot: number): void {
    this.#waiting.push(slot);
  }

  prepend(slot: number): void {
    this.#waiting.unshift(slot);
  }

  shift(): number {
    return this.#waiting.shift() as number;
  }

  takeSlot(request: Request): number {
    const slot = this.#free.pop() ?? this.requests.length;
    this.requests[slot] = request;
    return slot;
  }

  freeSlot(slot: number): void {
    this.requests[slot] = undefined;
    this.#free.push(slot);
  }

  request(slot: number): Request {
    return this.requests[slot] as Request;
  }
}

export class SimulatedTenant {
  readonly name: string;
  readonly flow: Flow;
  /** Device time that it has had, nanoseconds. */
  usedNanos = 0;
  completed = 0;
  /** From submission until a port began with the request, nanoseconds. */
  readonly waits: number[] = [];
  onCompleted: (queue: SimulatedQueue, request: Request) => void = () => {};

  constructor(name: string, flow: Flow) {
    this.name = name;
    this.flow = flow;
  }
}

class SimulatedPort extends PortLoad {
  /** What it holds, in the order in which it runs. */
  readonly held: { readonly queue: SimulatedQueue; readonly slot: number; readonly chargedNanos: number }[] =
    [];
  override isReady = true;
}

class SimulatedDevice extends Dispatcher<SimulatedQueue, SimulatedPort> {
  readonly #onBegin: (port: SimulatedPort) => void;

  constructor(
    portCount: number,
    SchedulerClass: SchedulerClass | undefined,
    onBegin: (port: SimulatedPort) => void,
  ) {
    super(SchedulerClass);
    this.#onBegin = onBegin;
    for (let index = 0; index < portCount; index++) this.ports.push(new SimulatedPort(PORT_DEPTH));
  }

  protected operationOf(): number {
    return OPERATION;
  }

  protected bytesOf(queue: SimulatedQueue, slot: number): number {
    return queue.request(slot).bytes;
  }

  protected send(port: SimulatedPort, queue: SimulatedQueue, slot: number, nanos: number): number {
    port.held.push({ queue, slot, chargedNanos: nanos });
    port.inFlight += 1;
    port.workNanos += nanos;
    if (port.inFlight === 1) this.#onBegin(port);
    return SEND_TAKEN;
  }

  /** Takes what a port has completed. */
  reap(port: SimulatedPort): { readonly queue: SimulatedQueue; readonly request: Request } {
    const held = port.held.shift();
    if (held === undefined) throw new Error('a port completes what it holds');
    const { queue, slot, chargedNanos } = held;
    const request = queue.request(slot);
    port.inFlight -= 1;
    port.workNanos = port.inFlight === 0 ? 0 : port.workNanos - chargedNanos;
    this.account(queue, slot, chargedNanos, request.nanos, true);
    queue.freeSlot(slot);
    return { queue, request };
  }
}

export type SchedulerClass = typeof Scheduler<SimulatedQueue>;

interface Event {
  readonly nanos: number;
  readonly act: () => void;
}

export interface SimulationOptions {
  readonly ports?: number;
  readonly serviceTime?: ServiceTime;
  /** A scheduler other than the engine's, to see whether a bar can tell. */
  readonly scheduler?: SchedulerClass;
  readonly seed?: number;
}

export class Simulation {
  readonly random: Random;
  readonly tenants: SimulatedTenant[] = [];
  readonly device: SimulatedDevice;
  readonly serviceTime: ServiceTime;
  nowNanos = 0;
  readonly #events: Event[] = [];

  constructor(options: SimulationOptions = {}) {
    this.serviceTime = options.serviceTime ?? { fixedNanos: 10_000, nanosPerByte: 1 };
    this.random = new Random(options.seed ?? 1);
    this.device = new SimulatedDevice(options.ports ?? 1, options.scheduler, (port) => this.#begin(port));
  }

  addTenant(name: string, weight = 1): SimulatedTenant {
    const tenant = new SimulatedTenant(name, this.device.scheduler.createFlow(name, weight));
    this.tenants.push(tenant);
    return tenant;
  }

  nanosOf(bytes: number): number {
    return this.serviceTime.fixedNanos + this.serviceTime.nanosPerByte * bytes;
  }

  /** Sends one request. `nanos`: its device time, if it isn't what its size makes expect. */
  submit(queue: SimulatedQueue, bytes: number, nanos = this.nanosOf(bytes)): void {
    this.device.submit(queue, queue.takeSlot({ bytes, nanos, submittedNanos: this.nowNanos }));
  }

  /** Keeps `depth` requests of a tenant in flight on a queue, each of a size that `sizeOf` gives. */
  keepBusy(tenant: SimulatedTenant, sizeOf: () => number, depth = 8): SimulatedQueue {
    const queue = new SimulatedQueue(tenant);
    tenant.onCompleted = (completed) => this.submit(completed, sizeOf());
    for (let index = 0; index < depth; index++) this.submit(queue, sizeOf());
    return queue;
  }

  at(nanos: number, act: () => void): void {
    pushEvent(this.#events, { nanos, act });
  }

  /** Lets everything happen that happens until then. */
  runUntil(endNanos: number): void {
    for (;;) {
      this.device.dispatch();
      const [first] = this.#events;
      if (first === undefined || first.nanos > endNanos) break;
      popEvent(this.#events);
      this.nowNanos = first.nanos;
      first.act();
    }
    this.nowNanos = endNanos;
  }

  /** Device time that each tenant has in the time until then, nanoseconds. */
  measureUntil(endNanos: number): number[] {
    const before = this.tenants.map(({ usedNanos }) => usedNanos);
    this.runUntil(endNanos);
    return this.tenants.map(({ usedNanos }, index) => usedNanos - (before[index] ?? 0));
  }

  #begin(port: SimulatedPort): void {
    const [held] = port.held;
    if (held === undefined) return;
    const { tenant } = held.queue;
    const { nanos, submittedNanos } = held.queue.request(held.slot);
    tenant.waits.push(this.nowNanos - submittedNanos);
    this.at(this.nowNanos + nanos, () => {
      const { queue, request } = this.device.reap(port);
      tenant.usedNanos += request.nanos;
      tenant.completed += 1;
      this.#begin(port);
      tenant.onCompleted(queue, request);
    });
  }
}

function pushEvent(heap: Event[], event: Event): void {
  let index = heap.length;
  heap.push(event);
  while (index > 0) {
    const above = (index - 1) >> 1;
    const parent = heap[above] as Event;
    if (parent.nanos <= event.nanos) break;
    heap[index] = parent;
    index = above;
  }
  heap[index] = event;
}

function popEvent(heap: Event[]): void {
  const last = heap.pop() as Event;
  const { length } = heap;
  if (length === 0) return;
  let index = 0;
  for (let below = 1; below < length; below = 2 * index + 1) {
    const right = below + 1;
    const smaller =
      right < length && (heap[right] as Event).nanos < (heap[below] as Event).nanos ? right : below;
    if ((heap[smaller] as Event).nanos >= last.nanos) break;
    heap[index] = heap[smaller] as Event;
    index = smaller;
  }
  heap[index] = last;
}
