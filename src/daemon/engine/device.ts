// One device: its ports, its scheduler, and the requests that it holds.
//
//   waiting queues --scheduler--> dispatch --> port (hardware queue) --> reap --> the channel of the request
//
// Requests go to the port with the least estimated work in it, and only while that work is short: what waits in
// front of the device can still be reordered for a newcomer, what waits inside can't.

import {
  C_DEVICE_NANOS,
  C_SLOT,
  C_STATUS,
  COMPLETION_WORDS,
  PARAMETER_AREA_BYTES,
  SLOT_WORDS,
} from '../../shared/channel/layout.ts';
import { assert } from '../../shared/assert.ts';
import { errorNumber } from '../../shared/errors.ts';
import type { SessionParameters } from '../../shared/operations.ts';
import type { DriverEntry } from '../../hwdrivers/drivers.ts';
import type { Port, PortEvents } from '../../hwdrivers/port.ts';
import type { Fd } from '../../sys/fd.ts';
import type { Clock } from './engine.ts';
import { Costs, FLOOR_NANOS } from './costs.ts';
import { NO_SLOT, type Queue } from './queue.ts';
import { Flow, Scheduler } from './scheduler.ts';
import type { Tenant } from './tenant.ts';

/** Estimated work that a port may hold before another request has to wait outside, nanoseconds. */
const PORT_WORK_NANOS_MAX = 400_000;

const DEVICE_TIMEOUT = errorNumber('DEVICE_TIMEOUT');
const DEVICE_RESET = errorNumber('DEVICE_RESET');
const DEVICE_ERROR = errorNumber('DEVICE_ERROR');

export interface DeviceDescription extends DriverEntry {
  readonly name: string;
  readonly driver: string;
}

export type PortState = 'starting' | 'ready' | 'failed';

export interface DeviceEvents {
  /** A port rang, or its state changed: there may be completions, or room. */
  onWake(device: Device): void;
  onTrouble(device: Device, port: number, found: string, culprit: Tenant | undefined): void;
}

export class Device {
  readonly description: DeviceDescription;
  readonly scheduler = new Scheduler<Queue>();
  queues = 0;
  completed = 0;
  failed = 0;
  resets = 0;
  libraries: ReadonlyMap<string, string> = new Map();
  readonly #costs = new Costs();
  readonly #flows = new Map<Tenant, Flow>();
  readonly #ports: DevicePort[] = [];
  readonly #clock: Clock;
  readonly #events: DeviceEvents;
  readonly #completion = new Int32Array(COMPLETION_WORDS + PARAMETER_AREA_BYTES / 4);

  constructor(description: DeviceDescription, clock: Clock, events: DeviceEvents) {
    this.description = description;
    this.#clock = clock;
    this.#events = events;
    for (let index = 0; index < description.ports; index++) {
      const port: DevicePort = new DevicePort((portEvents) => description.open(index, portEvents), {
        onWake: () => events.onWake(this),
        onReady: (libraries) => {
          this.libraries = libraries;
          port.state = 'ready';
          port.lastProgressMillis = performance.now();
          events.onWake(this);
        },
        onLost: (found) => this.#recover(port, index, found),
        onFailed: (found) => {
          port.state = 'failed';
          this.#events.onTrouble(this, index, `the port can't be brought up: ${found}`, undefined);
          if (this.state === 'failed') this.#failWaiting();
        },
      });
      this.#ports.push(port);
    }
  }

  get name(): string {
    return this.description.name;
  }

  /** 'failed' only if no port is left that serves or may serve soon. */
  get state(): PortState {
    const states = new Set(this.#ports.map(({ state }) => state));
    if (states.has('ready')) return 'ready';
    return states.has('starting') ? 'starting' : 'failed';
  }

  /** Requests inside the device. */
  get inFlight(): number {
    let sum = 0;
    for (const port of this.#ports) sum += port.inFlight;
    return sum;
  }

  get busyPorts(): number {
    let sum = 0;
    for (const port of this.#ports) if (port.inFlight > 0) sum += 1;
    return sum;
  }

  /** Where a tenant's device time on this device is accounted; it outlives the tenant's queues. */
  flowOf(tenant: Tenant): Flow {
    let flow = this.#flows.get(tenant);
    if (flow === undefined) {
      flow = new Flow(tenant.name, tenant.limits.weight);
      this.#flows.set(tenant, flow);
    }
    return flow;
  }

  /** Hands waiting requests to ports that have room; returns how many. */
  dispatch(): number {
    let count = 0;
    for (;;) {
      const port = this.#roomiestPort();
      const queue = port === undefined ? undefined : this.scheduler.next();
      if (port === undefined || queue === undefined) return count;
      const slot = queue.firstSlot;
      const { channel } = queue;
      const operation = channel.operationOf(slot);
      const bytes = channel.requestBytes(slot);
      const nanos = this.description.isFree ? FLOOR_NANOS : this.#costs.estimate(operation, bytes);
      if (port.inFlight === 0) port.lastProgressMillis = this.#clock.nowMillis;
      if (!port.send(queue, slot, nanos)) return count;
      queue.shift();
      channel.inDevice += 1;
      this.scheduler.dispatched(queue, nanos, queue.firstSlot !== NO_SLOT);
      count += 1;
    }
  }

  #roomiestPort(): DevicePort | undefined {
    let best: DevicePort | undefined;
    for (const port of this.#ports) {
      if (port.hasRoom && (best === undefined || port.workNanos < best.workNanos)) best = port;
    }
    return best;
  }

  /** Takes completions from all ports; returns how many. */
  reap(): number {
    let count = 0;
    for (const port of this.#ports) if (port.inFlight > 0) count += this.#reapPort(port);
    return count;
  }

  #reapPort(port: DevicePort): number {
    const completion = this.#completion;
    let count = 0;
    while (port.inFlight > 0 && port.hardware.recv(completion)) {
      const tag = completion[C_SLOT] as number;
      const queue = port.queueOf(tag);
      assert(queue !== undefined, 'a device completes requests that it was given');
      const slot = port.slotOf(tag);
      const estimatedNanos = port.release(tag);
      this.#account(queue, slot, estimatedNanos, (completion[C_DEVICE_NANOS] as number) >>> 0);
      if (completion[C_STATUS] !== 0) this.failed += 1;
      queue.channel.inDevice -= 1;
      queue.channel.complete(queue, slot, completion);
      count += 1;
    }
    this.completed += count;
    if (count > 0) port.lastProgressMillis = this.#clock.nowMillis;
    return count;
  }

  #account(queue: Queue, slot: number, estimatedNanos: number, measuredNanos: number): void {
    if (this.description.isFree) return;
    const nanos = Math.max(measuredNanos, FLOOR_NANOS);
    this.#costs.learn(queue.channel.operationOf(slot), queue.channel.requestBytes(slot), nanos);
    this.scheduler.settle(queue.flow, estimatedNanos, nanos);
  }

  /** A port was lost: what it was running gets a code, what it only held waits again. */
  #recover(port: DevicePort, index: number, found: string): void {
    this.#reapPort(port);
    const running = port.port.runningTag();
    const code = port.isTimedOut ? DEVICE_TIMEOUT : DEVICE_RESET;
    const culprit = running === -1 ? undefined : port.queueOf(running)?.channel.tenant;
    this.resets += 1;
    for (const tag of port.tagsNewestFirst()) {
      const queue = port.queueOf(tag) as Queue;
      const slot = port.slotOf(tag);
      const nanos = port.release(tag);
      queue.channel.inDevice -= 1;
      if (tag === running) {
        this.failed += 1;
        queue.channel.fail(queue, slot, code);
      } else if (queue.channel.isEnded) {
        queue.channel.fail(queue, slot, code);
      } else {
        this.scheduler.settle(queue.flow, nanos, 0);
        queue.prepend(slot);
        this.scheduler.activate(queue);
      }
    }
    port.isTimedOut = false;
    port.state = 'starting';
    this.#events.onTrouble(this, index, found, culprit);
    this.#events.onWake(this);
  }

  #failWaiting(): void {
    for (let queue = this.scheduler.next(); queue !== undefined; queue = this.scheduler.next()) {
      const slot = queue.shift();
      this.scheduler.dispatched(queue, FLOOR_NANOS, queue.firstSlot !== NO_SLOT);
      queue.channel.fail(queue, slot, DEVICE_ERROR);
    }
    this.#events.onWake(this);
  }

  /** Resets ports whose request runs past the limit. */
  checkTime(nowMillis: number): void {
    for (const port of this.#ports) {
      const isLate = nowMillis - port.lastProgressMillis > this.description.requestMillisMax;
      if (port.inFlight === 0 || port.state !== 'ready' || !isLate || port.isTimedOut) continue;
      port.isTimedOut = true;
      port.port.reset();
    }
  }

  /** Asks each port that holds requests to ring; false if one has completions already. */
  prepareSleep(): boolean {
    for (const port of this.#ports) if (port.inFlight > 0 && !port.port.prepareSleep()) return false;
    return true;
  }

  addRegion(handle: number, memory: Fd, bytes: number): void {
    for (const { port } of this.#ports) port.addRegion(handle, memory, bytes);
  }

  removeRegion(handle: number): void {
    for (const { port } of this.#ports) port.removeRegion(handle);
  }

  addSession(handle: number, parameters: SessionParameters): void {
    for (const { port } of this.#ports) port.addSession(handle, parameters);
  }

  removeSession(handle: number): void {
    for (const { port } of this.#ports) port.removeSession(handle);
  }

  async close(): Promise<void> {
    await Promise.all(this.#ports.map(({ port }) => port.close()));
  }
}

/** A port with the engine's account of what it holds: requests by tag. */
class DevicePort {
  readonly port: Port;
  state: PortState = 'starting';
  inFlight = 0;
  /** Estimated device time of what it holds, nanoseconds. */
  workNanos = 0;
  /** When it last completed a request, or took one while it held none; by the engine's clock. */
  lastProgressMillis = 0;
  isTimedOut = false;
  readonly #freeTags: Int32Array;
  readonly #queues: (Queue | undefined)[];
  readonly #slots: Int32Array;
  readonly #nanos: Float64Array;
  /** Counts dispatches, to tell the order of what is inside. */
  readonly #order: Float64Array;
  #sent = 0;

  constructor(open: (events: PortEvents) => Port, events: PortEvents) {
    this.port = open(events);
    const { depth } = this.port.queue;
    this.#freeTags = Int32Array.from({ length: depth }, (_, index) => depth - 1 - index);
    this.#queues = Array.from({ length: depth });
    this.#slots = new Int32Array(depth);
    this.#nanos = new Float64Array(depth);
    this.#order = new Float64Array(depth);
  }

  get hardware(): Port['queue'] {
    return this.port.queue;
  }

  get hasRoom(): boolean {
    const isShort = this.inFlight === 0 || this.workNanos < PORT_WORK_NANOS_MAX;
    return this.state === 'ready' && isShort && this.inFlight < this.#freeTags.length;
  }

  queueOf(tag: number): Queue | undefined {
    return this.#queues[tag];
  }

  slotOf(tag: number): number {
    return this.#slots[tag] as number;
  }

  send(queue: Queue, slot: number, nanos: number): boolean {
    const tag = this.#freeTags[this.#freeTags.length - 1 - this.inFlight] as number;
    if (!this.port.queue.send(queue.channel.rows, slot * SLOT_WORDS, tag)) return false;
    this.inFlight += 1;
    this.workNanos += nanos;
    this.#queues[tag] = queue;
    this.#slots[tag] = slot;
    this.#nanos[tag] = nanos;
    this.#order[tag] = this.#sent++;
    return true;
  }

  /** Forgets a request; returns what it was estimated to cost. */
  release(tag: number): number {
    const nanos = this.#nanos[tag] as number;
    this.#queues[tag] = undefined;
    this.inFlight -= 1;
    this.workNanos = this.inFlight === 0 ? 0 : this.workNanos - nanos;
    this.#freeTags[this.#freeTags.length - 1 - this.inFlight] = tag;
    return nanos;
  }

  /** Tags in flight, the one sent last first: put back in this order, the oldest comes first again. */
  tagsNewestFirst(): number[] {
    const tags = [...this.#queues.keys()].filter((tag) => this.#queues[tag] !== undefined);
    return tags.sort((a, b) => (this.#order[b] as number) - (this.#order[a] as number));
  }
}
