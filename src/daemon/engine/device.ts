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
  PARAMETER_WORDS,
} from '../../shared/channel/layout.ts';
import { assert } from '../../shared/assert.ts';
import { errorNumber } from '../../shared/errors.ts';
import type { SessionParameters } from '../../shared/operations.ts';
import { type HardwareQueue, ROW_WORDS, SEND_DONE, SEND_FULL, SEND_TAKEN } from '../../hwdrivers/driver.ts';
import type { DriverEntry } from '../../hwdrivers/drivers.ts';
import type { Port, PortEvents } from '../../hwdrivers/port.ts';
import type { Descriptor, Fd } from '../../sys/fd.ts';
import type { Clock } from './engine.ts';
import { Costs, FLOOR_NANOS } from './costs.ts';
import { NO_SLOT, type Queue } from './queue.ts';
import { Flow, Scheduler } from './scheduler.ts';
import type { Tenant } from './tenant.ts';

/**
 * Estimated work that a port may hold before another request has to wait outside, nanoseconds: what an engine may need
 * to get a processor back from its own workers, on a host with few.
 */
const PORT_WORK_NANOS_MAX = 1_000_000;

/** How long a port may make no progress before we look whether it was stopped, milliseconds. */
const STOPPED_MILLIS = 500;

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
  readonly #isFree: boolean;
  readonly #clock: Clock;
  readonly #events: DeviceEvents;
  readonly #completion = new Int32Array(COMPLETION_WORDS + PARAMETER_WORDS);
  /** Requests that ran when an engine died: each runs again alone, before all others. */
  readonly #suspects: { readonly queue: Queue; readonly slot: number }[] = [];
  /** There are suspects, or one is in the device. */
  #isCautious = false;

  /** `lifeline`: a descriptor for processes of its ports to hold. */
  constructor(description: DeviceDescription, clock: Clock, events: DeviceEvents, lifeline: Descriptor) {
    this.description = description;
    this.#isFree = description.isFree;
    this.#clock = clock;
    this.#events = events;
    for (let index = 0; index < description.ports; index++) {
      const port: DevicePort = new DevicePort((portEvents) => description.open(index, portEvents, lifeline), {
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

  /** Whether requests wait for room in a port. */
  get isWaiting(): boolean {
    return !this.scheduler.isIdle || this.#isCautious;
  }

  /** Takes a request that was running when an engine died. */
  submitSuspect(queue: Queue, slot: number): void {
    this.#suspects.push({ queue, slot });
    this.#isCautious = true;
  }

  /** Takes a request into its queue, for `dispatch`. */
  enqueue(queue: Queue, slot: number): void {
    queue.append(slot);
    this.scheduler.activate(queue);
  }

  /** Takes a request: it goes to a port at once if nobody waits and there is room, into its queue otherwise. */
  submit(queue: Queue, slot: number): void {
    const { scheduler } = this;
    if (scheduler.isIdle && !this.#isCautious) {
      const port = this.#roomiestPort();
      if (port !== undefined) {
        const nanos = this.#estimate(queue, slot);
        if (this.#send(port, queue, slot, nanos)) {
          scheduler.served(queue.flow, nanos);
          return;
        }
      }
    }
    this.enqueue(queue, slot);
  }

  /** Gives up what waits in a queue, which is no longer lent; what a device holds completes. */
  withdraw(queue: Queue, status: number): void {
    this.scheduler.remove(queue);
    while (queue.firstSlot !== NO_SLOT) queue.channel.fail(queue, queue.shift(), status);
    this.#withdrawSuspects(queue, () => true, status);
  }

  /** Gives up some of what waits in a queue. */
  cancel(queue: Queue, slots: ReadonlySet<number>, status: number): void {
    for (const slot of queue.withdraw(slots)) queue.channel.fail(queue, slot, status);
    if (queue.firstSlot === NO_SLOT) this.scheduler.remove(queue);
    this.#withdrawSuspects(queue, (slot) => slots.has(slot), status);
  }

  #withdrawSuspects(queue: Queue, isMeant: (slot: number) => boolean, status: number): void {
    for (let index = this.#suspects.length - 1; index >= 0; index--) {
      const suspect = this.#suspects[index];
      if (suspect?.queue !== queue || !isMeant(suspect.slot)) continue;
      this.#suspects.splice(index, 1);
      queue.channel.fail(queue, suspect.slot, status);
    }
  }

  /** Hands waiting requests to ports that have room; returns how many. */
  dispatch(): number {
    const { scheduler } = this;
    if (this.#isCautious && !this.#dispatchSuspect()) return 0;
    let count = 0;
    for (let queue = scheduler.next(); queue !== undefined; queue = scheduler.next()) {
      const port = this.#roomiestPort();
      if (port === undefined) break;
      const slot = queue.shift();
      const nanos = this.#estimate(queue, slot);
      if (!this.#send(port, queue, slot, nanos)) {
        queue.prepend(slot);
        break;
      }
      scheduler.dispatched(queue, nanos, queue.firstSlot !== NO_SLOT);
      count += 1;
    }
    return count;
  }

  /** One suspect at a time, with nothing else in the device. True if there are none left. */
  #dispatchSuspect(): boolean {
    if (this.inFlight > 0) return false;
    const suspect = this.#suspects[0];
    if (suspect === undefined) {
      this.#isCautious = false;
      return true;
    }
    const port = this.#roomiestPort();
    if (port === undefined) return false;
    const { queue, slot } = suspect;
    const nanos = this.#estimate(queue, slot);
    if (!this.#send(port, queue, slot, nanos)) return false;
    this.#suspects.shift();
    this.scheduler.settle(queue.flow, 0, nanos);
    return false;
  }

  #estimate({ channel }: Queue, slot: number): number {
    if (this.#isFree) return FLOOR_NANOS;
    return this.#costs.estimate(channel.operationOf(slot), channel.requestBytes(slot));
  }

  /** False if the port can't take the request now. */
  #send(port: DevicePort, queue: Queue, slot: number, nanos: number): boolean {
    const { channel } = queue;
    channel.started(slot);
    const outcome = port.send(queue, slot, nanos, this.#completion);
    if (outcome === SEND_FULL) {
      channel.requeued(slot);
      return false;
    }
    if (outcome === SEND_DONE) {
      this.completed += 1;
      channel.complete(queue, slot, this.#completion);
    } else if (port.inFlight === 1) {
      port.lastProgressMillis = this.#clock.nowMillis;
    }
    return true;
  }

  #roomiestPort(): DevicePort | undefined {
    const ports = this.#ports;
    const first = ports[0] as DevicePort;
    if (ports.length === 1) return first.hasRoom ? first : undefined;
    let best: DevicePort | undefined;
    for (let index = 0; index < ports.length; index++) {
      const port = ports[index] as DevicePort;
      if (port.hasRoom && (best === undefined || port.workNanos < best.workNanos)) best = port;
    }
    return best;
  }

  /** Takes completions from all ports; returns how many. */
  reap(): number {
    const ports = this.#ports;
    let count = 0;
    for (let index = 0; index < ports.length; index++) {
      const port = ports[index] as DevicePort;
      if (port.inFlight > 0) count += this.#reapPort(port);
    }
    return count;
  }

  #reapPort(port: DevicePort): number {
    const completion = this.#completion;
    const { queue: hardware } = port.port;
    let count = 0;
    while (port.inFlight > 0 && hardware.recv(completion)) {
      const tag = completion[C_SLOT] as number;
      const queue = port.queueOf(tag);
      assert(queue !== undefined, 'a device completes requests that it was given');
      const slot = port.slotOf(tag);
      const estimatedNanos = port.release(tag);
      if (!this.#isFree) this.#account(queue, slot, estimatedNanos, completion);
      queue.channel.complete(queue, slot, completion);
      count += 1;
    }
    if (count === 0) return 0;
    this.completed += count;
    port.lastProgressMillis = this.#clock.nowMillis;
    return count;
  }

  #account(queue: Queue, slot: number, estimatedNanos: number, completion: Int32Array): void {
    if (completion[C_STATUS] !== 0) this.failed += 1;
    const nanos = Math.max((completion[C_DEVICE_NANOS] as number) >>> 0, FLOOR_NANOS);
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
    for (const tag of port.tagsInFlight()) {
      const queue = port.queueOf(tag) as Queue;
      const slot = port.slotOf(tag);
      const nanos = port.release(tag);
      if (tag === running) {
        this.failed += 1;
        queue.channel.fail(queue, slot, code);
      } else if (queue.channel.isEnded) {
        queue.channel.fail(queue, slot, code);
      } else {
        this.scheduler.settle(queue.flow, nanos, 0);
        queue.channel.requeued(slot);
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
    for (const { queue, slot } of this.#suspects.splice(0)) queue.channel.fail(queue, slot, DEVICE_ERROR);
    for (let queue = this.scheduler.next(); queue !== undefined; queue = this.scheduler.next()) {
      const slot = queue.shift();
      this.scheduler.dispatched(queue, FLOOR_NANOS, queue.firstSlot !== NO_SLOT);
      queue.channel.fail(queue, slot, DEVICE_ERROR);
    }
    this.#events.onWake(this);
  }

  /** Resets ports whose request runs past the limit, and those that have stopped altogether. */
  checkTime(nowMillis: number): void {
    for (const port of this.#ports) {
      if (port.inFlight === 0 || port.state !== 'ready' || port.isTimedOut) continue;
      const idleMillis = nowMillis - port.lastProgressMillis;
      port.isTimedOut = idleMillis > this.description.requestMillisMax;
      const isStopped = idleMillis > STOPPED_MILLIS && port.port.isStopped();
      if (port.isTimedOut || isStopped) port.port.reset();
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
  readonly #hardware: HardwareQueue;
  readonly #depth: number;
  /** A stack: the free tags are those from `inFlight` on. */
  readonly #tags: Int32Array;
  readonly #queues: (Queue | undefined)[];
  readonly #slots: Int32Array;
  readonly #nanos: Float64Array;

  constructor(open: (events: PortEvents) => Port, events: PortEvents) {
    this.port = open(events);
    this.#hardware = this.port.queue;
    const { depth } = this.port.queue;
    this.#depth = depth;
    this.#tags = Int32Array.from({ length: depth }, (_, index) => index);
    this.#queues = Array.from({ length: depth }, () => undefined);
    this.#slots = new Int32Array(depth);
    this.#nanos = new Float64Array(depth);
  }

  get hasRoom(): boolean {
    const isShort = this.inFlight === 0 || this.workNanos < PORT_WORK_NANOS_MAX;
    return isShort && this.inFlight < this.#depth && this.state === 'ready';
  }

  queueOf(tag: number): Queue | undefined {
    return this.#queues[tag];
  }

  slotOf(tag: number): number {
    return this.#slots[tag] as number;
  }

  /** Hands a request to the hardware queue, and keeps account of it if that has taken it. */
  send(queue: Queue, slot: number, nanos: number, completion: Int32Array): number {
    const tag = this.#tags[this.inFlight] as number;
    const outcome = this.#hardware.send(queue.channel.rows, slot * ROW_WORDS, tag, completion);
    if (outcome !== SEND_TAKEN) return outcome;
    this.inFlight += 1;
    this.workNanos += nanos;
    this.#queues[tag] = queue;
    this.#slots[tag] = slot;
    this.#nanos[tag] = nanos;
    return SEND_TAKEN;
  }

  /** Forgets a request; returns what it was estimated to cost. */
  release(tag: number): number {
    const nanos = this.#nanos[tag] as number;
    this.#queues[tag] = undefined;
    this.inFlight -= 1;
    this.workNanos = this.inFlight === 0 ? 0 : this.workNanos - nanos;
    this.#tags[this.inFlight] = tag;
    return nanos;
  }

  tagsInFlight(): number[] {
    return [...this.#queues.keys()].filter((tag) => this.#queues[tag] !== undefined);
  }
}
