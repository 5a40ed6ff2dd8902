// One device: its ports and the requests that they hold, from where they were sent until they are completed, or the
// port is lost. What goes to which port, and when, is the dispatcher's business (dispatch.ts).
//
//   waiting queues --dispatcher--> port (hardware queue) --> reap --> the channel of the request

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
import { SEND_DONE, SEND_FULL, SEND_PENDING } from '../../hwdrivers/driver.ts';
import type { DriverEntry } from '../../hwdrivers/drivers.ts';
import type { Descriptor, Fd } from '../../sys/fd.ts';
import type { Clock } from './engine.ts';
import { FLOOR_NANOS } from './costs.ts';
import { DevicePort, type PortState } from './device-port.ts';
import { Dispatcher, NO_SLOT } from './dispatch.ts';
import type { Queue } from './queue.ts';
import { Recent } from './recent.ts';
import type { Flow } from './scheduler.ts';
import type { Tenant } from './tenant.ts';
import { Usage } from './usage.ts';

const NANOS_PER_MILLI = 1e6;

/** Work in a port, nanoseconds, from which on it does not run dry while the engine wakes: some wake-ups' worth. */
const FED_NANOS = 200_000;

/** How long a port may make no progress before we look whether it was stopped, milliseconds. */
const STOPPED_MILLIS = 500;

const DEVICE_TIMEOUT = errorNumber('DEVICE_TIMEOUT');
const DEVICE_RESET = errorNumber('DEVICE_RESET');
const DEVICE_ERROR = errorNumber('DEVICE_ERROR');
const DEVICE_UNAVAILABLE = errorNumber('DEVICE_UNAVAILABLE');

export interface DeviceDescription extends DriverEntry {
  readonly name: string;
  readonly driver: string;
  /** Hardware queues that it may lose within a minute before it is taken out of service; 0: any number. */
  readonly failuresMax: number;
  /** For how long it is then out of service. */
  readonly retryMillis: number;
}

export interface DeviceEvents {
  /** A port rang, or its state changed: there may be completions, or room. */
  onWake(device: Device): void;
  /** A hardware queue was lost; `culprit`: over whose request, where one ran. */
  onTrouble(device: Device, port: number, found: string, culprit: Tenant | undefined): void;
  /** The device was taken out of service, or is back. */
  onService(device: Device, isOut: boolean): void;
  /** While it is out of service: what waits for it has to go elsewhere. */
  onLeave(device: Device): void;
}

export class Device extends Dispatcher<Queue, DevicePort> {
  readonly description: DeviceDescription;
  #queues = 0;
  /** An administrator wants it to get no more queues. */
  isDrained = false;
  completed = 0;
  failed = 0;
  resets = 0;
  libraries: ReadonlyMap<string, string> = new Map();
  readonly #flows = new Map<Tenant, Flow>();
  readonly #usages = new Map<Tenant, Usage>();
  readonly #clock: Clock;
  readonly #events: DeviceEvents;
  readonly #losses = new Recent();
  #returning: NodeJS.Timeout | undefined = undefined;
  readonly #completion = new Int32Array(COMPLETION_WORDS + PARAMETER_WORDS);

  /** `lifeline`: a descriptor for processes of its ports to hold. */
  constructor(description: DeviceDescription, clock: Clock, events: DeviceEvents, lifeline: Descriptor) {
    super();
    this.description = description;
    this.#clock = clock;
    this.#events = events;
    for (let index = 0; index < description.ports; index++) {
      const port: DevicePort = new DevicePort((portEvents) => description.open(index, portEvents, lifeline), {
        onWake: () => {
          this.unpark();
          events.onWake(this);
        },
        onReady: (libraries) => {
          this.libraries = libraries;
          port.setState('ready', this.isOut);
          port.lastProgressMillis = performance.now();
          events.onWake(this);
        },
        onLost: (found) => this.#recover(port, index, found),
        onFailed: (found) => {
          port.setState('failed', this.isOut);
          this.#events.onTrouble(this, index, `the port can't be brought up: ${found}`, undefined);
          if (this.state === 'failed') this.#failWaiting();
        },
        onIdle: () => port.setState('idle', this.isOut),
      });
      this.ports.push(port);
    }
  }

  /** Queues that are lent on it. */
  get queues(): number {
    return this.#queues;
  }

  /** One more queue is lent on it. */
  lend(): void {
    this.#queues += 1;
    this.#want();
  }

  takeBack(): void {
    this.#queues -= 1;
    this.#want();
  }

  /** No more hardware queues are held than there are queues lent. */
  #want(): void {
    for (const [index, port] of this.ports.entries()) port.setWanted(index < this.#queues, this.isOut);
  }

  get name(): string {
    return this.description.name;
  }

  /** Out of service: it has lost too many hardware queues. */
  get isOut(): boolean {
    return this.#returning !== undefined;
  }

  /** 'failed' only if no port is left that serves or may serve soon, or if it is out of service. */
  get state(): Exclude<PortState, 'idle'> {
    if (this.isOut) return 'failed';
    const states = new Set(this.ports.map(({ state }) => state));
    if (states.has('ready')) return 'ready';
    if (states.has('starting')) return 'starting';
    // An idle port helps nobody while others that are wanted fail.
    return states.has('idle') && this.#queues === 0 ? 'ready' : 'failed';
  }

  /** Whether each port has enough to do until the engine has been woken by a completion and has looked for more. */
  get isFed(): boolean {
    let isAnyFed = false;
    for (const { isReady, workNanos } of this.ports) {
      if (!isReady) continue;
      if (workNanos < FED_NANOS) return false;
      isAnyFed = true;
    }
    return isAnyFed;
  }

  get busyPorts(): number {
    let sum = 0;
    for (const port of this.ports) if (port.inFlight > 0) sum += 1;
    return sum;
  }

  /** Where a tenant's device time on this device is accounted; it outlives the tenant's queues. */
  flowOf(tenant: Tenant): Flow {
    let flow = this.#flows.get(tenant);
    if (flow === undefined) {
      flow = this.scheduler.createFlow(tenant.name, tenant.limits.weight);
      tenant.flows.push(flow);
      this.#flows.set(tenant, flow);
    }
    return flow;
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
    else this.scheduler.headChanged(queue);
    this.#withdrawSuspects(queue, (slot) => slots.has(slot), status);
  }

  #withdrawSuspects(queue: Queue, isMeant: (slot: number) => boolean, status: number): void {
    for (const slot of this.takeSuspects(queue, isMeant)) queue.channel.fail(queue, slot, status);
  }

  /** What a tenant has had of this device. */
  usageOf(tenant: Tenant): Usage {
    let usage = this.#usages.get(tenant);
    if (usage === undefined) {
      usage = new Usage();
      this.#usages.set(tenant, usage);
    }
    return usage;
  }

  /** Device time that a tenant has had beyond its share, nanoseconds. */
  debtOf(tenant: Tenant): number {
    const flow = this.#flows.get(tenant);
    return flow === undefined ? 0 : this.scheduler.debtOf(flow);
  }

  /** A tenant without queues is not known any more. */
  forget(tenant: Tenant): void {
    const flow = this.#flows.get(tenant);
    if (flow !== undefined) this.scheduler.removeFlow(flow);
    this.#flows.delete(tenant);
    this.#usages.delete(tenant);
  }

  /**
   * Whether the request is estimated to take longer than its tenant may keep the device. Who is thought slow and sends
   * nothing that may run is thought less so with each refusal, or it would be refused for good.
   */
  refusesAsTooLong(queue: Queue, slot: number): boolean {
    if (this.estimate(queue, slot) <= queue.channel.tenant.limits.requestNanosMax) return false;
    this.doubt(queue.flow);
    return true;
  }

  get completesAtOnce(): boolean {
    return this.description.completesAtOnce;
  }

  /** Of such a device: runs a request from beginning to end. */
  runAtOnce(queue: Queue, slot: number): void {
    const [port] = this.ports;
    const outcome = port?.send(queue, slot, 0, this.#completion);
    assert(outcome === SEND_DONE, 'the device completes at once');
    this.completed += 1;
    queue.completed += 1;
    queue.usage.completed(queue.channel.requestBytes(slot), 0, true);
  }

  /** Takes a request into its queue, from where `dispatch` takes it. */
  override enqueue(queue: Queue, slot: number): void {
    if (this.isOut) {
      queue.channel.fail(queue, slot, DEVICE_UNAVAILABLE);
      return;
    }
    queue.channel.waitMillis[slot] = this.#clock.nowMillis;
    super.enqueue(queue, slot);
  }

  /** A request that a port held waits again: in all, for as long as it waited before and will from now on. */
  protected override putBack(queue: Queue, slot: number, chargedNanos: number): void {
    const { waitMillis } = queue.channel;
    waitMillis[slot] = this.#clock.nowMillis - (waitMillis[slot] as number);
    super.putBack(queue, slot, chargedNanos);
  }

  protected operationOf({ channel }: Queue, slot: number): number {
    return channel.operationOf(slot);
  }

  protected bytesOf({ channel }: Queue, slot: number): number {
    return channel.requestBytes(slot);
  }

  protected send(port: DevicePort, queue: Queue, slot: number, nanos: number): number {
    const { channel } = queue;
    channel.started(slot);
    const outcome = port.send(queue, slot, nanos, this.#completion);
    if (outcome === SEND_FULL || outcome === SEND_PENDING) {
      channel.requeued(slot);
      return outcome;
    }
    const sinceMillis = channel.waitMillis[slot] as number;
    if (sinceMillis !== 0) channel.waitMillis[slot] = this.#clock.nowMillis - sinceMillis;
    if (outcome === SEND_DONE) {
      this.completed += 1;
      this.#count(queue, slot, 0, true);
      channel.complete(queue, slot, this.#completion);
    } else if (port.inFlight === 1) {
      port.lastProgressMillis = this.#clock.nowMillis;
    }
    return outcome;
  }

  /** Takes completions from all ports; returns how many. */
  reap(): number {
    const ports = this.ports;
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
      const isGood = completion[C_STATUS] === 0;
      if (!isGood) this.failed += 1;
      const nanos = (completion[C_DEVICE_NANOS] as number) >>> 0;
      this.account(queue, slot, port.release(tag), nanos, isGood);
      this.#count(queue, slot, nanos, isGood);
      queue.channel.complete(queue, slot, completion);
      count += 1;
    }
    if (count === 0) return 0;
    this.completed += count;
    port.lastProgressMillis = this.#clock.nowMillis;
    return count;
  }

  #count({ usage, channel }: Queue, slot: number, nanos: number, isGood: boolean): void {
    usage.completed(channel.requestBytes(slot), nanos, isGood);
    const waitedMillis = channel.waitMillis[slot] as number;
    if (waitedMillis === 0) return;
    usage.waited(waitedMillis);
    channel.waitMillis[slot] = 0;
  }

  /** A port was lost: what it was running gets a code, what it only held waits again. */
  #recover(port: DevicePort, index: number, found: string): void {
    this.#reapPort(port);
    const running = port.port.runningTag();
    const code = port.isTimedOut ? DEVICE_TIMEOUT : DEVICE_RESET;
    const culprit = running === -1 ? undefined : port.queueOf(running)?.channel.tenant;
    const ranNanos = (this.#clock.nowMillis - port.lastProgressMillis) * NANOS_PER_MILLI;
    this.resets += 1;
    for (const tag of port.tagsInFlight()) {
      const queue = port.queueOf(tag) as Queue;
      const slot = port.slotOf(tag);
      const nanos = port.release(tag);
      if (tag === running) {
        this.failed += 1;
        this.scheduler.settle(queue.flow, nanos, ranNanos);
        this.#count(queue, slot, ranNanos, false);
        queue.channel.fail(queue, slot, code);
      } else if (queue.channel.isEnded) {
        queue.channel.fail(queue, slot, code);
      } else {
        queue.channel.requeued(slot);
        this.putBack(queue, slot, nanos);
      }
    }
    port.isTimedOut = false;
    port.setState('starting', this.isOut);
    this.#noteLoss(culprit);
    this.#events.onTrouble(this, index, found, culprit);
    // What was put back goes where the rest is.
    if (this.isOut) this.#events.onLeave(this);
    this.#events.onWake(this);
  }

  /** Losses over requests of a tenant that is known for them are the tenant's, not the device's. */
  #noteLoss(culprit: Tenant | undefined): void {
    // The engine may have slept until now.
    const nowMillis = performance.now();
    const { failuresMax, retryMillis } = this.description;
    culprit?.noteFault(nowMillis);
    if (culprit?.isSlowed(nowMillis) === true || failuresMax === 0 || this.isOut) return;
    this.#losses.note(nowMillis);
    if (this.#losses.count(nowMillis) <= failuresMax) return;
    this.#returning = setTimeout(() => {
      this.#returning = undefined;
      this.#losses.clear();
      for (const port of this.ports) port.setState(port.state, false);
      this.#events.onService(this, false);
      this.#events.onWake(this);
    }, retryMillis);
    this.#returning.unref();
    for (const port of this.ports) port.setState(port.state, true);
    this.#events.onService(this, true);
  }

  /** Requests that wait, and have nowhere else to go, get a code. */
  #failWaiting(): void {
    for (let suspect = this.takeSuspect(); suspect !== undefined; suspect = this.takeSuspect())
      suspect.queue.channel.fail(suspect.queue, suspect.slot, DEVICE_ERROR);
    for (let queue = this.scheduler.next(); queue !== undefined; queue = this.scheduler.next()) {
      const slot = queue.shift();
      this.scheduler.dispatched(queue, FLOOR_NANOS, queue.firstSlot !== NO_SLOT);
      queue.channel.fail(queue, slot, DEVICE_ERROR);
    }
    this.#events.onWake(this);
  }

  /** Resets ports whose request runs past the limit, and those that have stopped altogether. */
  checkTime(nowMillis: number): void {
    for (const port of this.ports) {
      if (port.inFlight === 0 || port.state !== 'ready' || port.isTimedOut) continue;
      const idleMillis = nowMillis - port.lastProgressMillis;
      port.isTimedOut = idleMillis > this.description.requestMillisMax;
      const isStopped = idleMillis > STOPPED_MILLIS && port.port.isStopped();
      if (port.isTimedOut || isStopped) port.port.reset();
    }
  }

  /** Asks each port that holds requests to ring; false if one has completions already. */
  prepareSleep(): boolean {
    for (const port of this.ports) if (port.inFlight > 0 && !port.port.prepareSleep()) return false;
    return true;
  }

  /**
   * Resolves when all ports reach it, or can't: then requests that name it get a code. Until then a request that
   * names it waits, with those behind it in its queue. A device that has no hardware at the moment is not waited for.
   */
  async addRegion(handle: number, memory: Fd, bytes: number): Promise<void> {
    const added = Promise.all(this.ports.map(({ port }) => port.addRegion(handle, memory, bytes)));
    if (this.ports.some(({ state }) => state === 'ready')) await added;
  }

  removeRegion(handle: number): void {
    for (const { port } of this.ports) port.removeRegion(handle);
  }

  addSession(handle: number, parameters: SessionParameters): void {
    for (const { port } of this.ports) port.addSession(handle, parameters);
  }

  removeSession(handle: number): void {
    for (const { port } of this.ports) port.removeSession(handle);
  }

  async close(): Promise<void> {
    clearTimeout(this.#returning);
    await Promise.all(this.ports.map(({ port }) => port.close()));
  }
}
