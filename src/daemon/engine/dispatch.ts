// How waiting requests get to the ports of one device: which port is next, how much it may hold, and what is charged
// to whom. The engine's devices and the simulation of test/simulation are both this class; only what a port does
// with a request is theirs.
//
//   submit --nobody waits, a port has room--> send --> port
//      \---> queue --scheduler--> dispatch -----^
//              ^----- parked <--------'  its next request names memory that the device doesn't reach yet
//
// Requests go to the port with the least estimated work in it, and only while that work is short: what waits in
// front of the device can still be reordered for a newcomer, what waits inside can't.

import { SEND_FULL, SEND_PENDING } from '../../hwdrivers/driver.ts';
import { Costs, FLOOR_NANOS } from './costs.ts';
import { type Flow, type Schedulable, Scheduler } from './scheduler.ts';

/**
 * Estimated work that a port may hold before another request has to wait outside, nanoseconds: what an engine may
 * need to get a processor back from its own workers, on a host with few.
 */
const PORT_WORK_NANOS_MAX = 1_000_000;

/**
 * The same while several tenants want the device: half the longest request that they send, so that who comes waits
 * for one and a half of them at most. Not less than this, so that ports don't run dry.
 */
const PORT_WORK_NANOS_MIN = 100_000;
/** How fast the longest request is forgotten, by each request that is dispatched. */
const LONGEST_KEEP = 1 - 1 / 1024;

/** Ends the list of waiting slots. */
export const NO_SLOT = -1;

/** A queue of waiting requests, each known by a slot number. */
export interface DispatchQueue extends Schedulable {
  /** The oldest request; NO_SLOT if none waits. */
  readonly firstSlot: number;
  append(slot: number): void;
  /** Puts back what was dispatched and did not run. */
  prepend(slot: number): void;
  shift(): number;
}

interface Suspect<Queue> {
  readonly queue: Queue;
  readonly slot: number;
}

/** What a port holds, as far as it matters here. */
export class PortLoad {
  readonly depth: number;
  isReady = false;
  inFlight = 0;
  /** Estimated device time of what it holds, nanoseconds. */
  workNanos = 0;

  constructor(depth: number) {
    this.depth = depth;
  }
}

export abstract class Dispatcher<Queue extends DispatchQueue, Port extends PortLoad> {
  readonly scheduler: Scheduler<Queue>;
  protected readonly ports: Port[] = [];
  readonly #costs = new Costs();
  #longestNanos = 0;
  /** Requests that were running when an engine died: each runs again alone, before all others. */
  readonly #suspects: Suspect<Queue>[] = [];
  /** There are suspects, or one is in the device. */
  #isCautious = false;
  /** What waits for memory: it keeps nobody else waiting. */
  readonly #parked = new Set<Queue>();
  readonly #parkedSuspects: Suspect<Queue>[] = [];

  /** `SchedulerClass`: the simulation has worse ones, to tell the difference. */
  constructor(SchedulerClass: typeof Scheduler<Queue> = Scheduler<Queue>) {
    this.scheduler = new SchedulerClass((queue) => this.estimate(queue, queue.firstSlot));
  }

  protected abstract operationOf(queue: Queue, slot: number): number;
  /** Input and output together, bytes. */
  protected abstract bytesOf(queue: Queue, slot: number): number;
  /** Hands a request to a port; one of the answers of a driver's `send`. */
  protected abstract send(port: Port, queue: Queue, slot: number, nanos: number): number;

  /** Requests inside the device. */
  get inFlight(): number {
    let sum = 0;
    for (const port of this.ports) sum += port.inFlight;
    return sum;
  }

  /** Whether requests wait for room in a port. */
  get isWaiting(): boolean {
    return !this.scheduler.isIdle || this.#isCautious;
  }

  /** Takes a request: it goes to a port at once if nobody waits and there is room, into its queue otherwise. */
  submit(queue: Queue, slot: number): void {
    const { scheduler } = this;
    if (scheduler.isIdle && !this.#isCautious) {
      const port = this.#roomiestPort(PORT_WORK_NANOS_MAX);
      if (port !== undefined) {
        const nanos = this.estimate(queue, slot);
        if (isSent(this.send(port, queue, slot, nanos))) {
          scheduler.served(queue.flow, nanos);
          return;
        }
      }
    }
    this.enqueue(queue, slot);
  }

  /** Takes a request into its queue, for `dispatch`. */
  enqueue(queue: Queue, slot: number): void {
    queue.append(slot);
    this.scheduler.activate(queue);
  }

  /** Takes a request that was running when an engine died. */
  submitSuspect(queue: Queue, slot: number): void {
    this.#suspects.push({ queue, slot });
    this.#isCautious = true;
  }

  /** Gives up those suspects of a queue that are meant; returns their slots. */
  protected takeSuspects(queue: Queue, isMeant: (slot: number) => boolean): number[] {
    this.unpark();
    const slots: number[] = [];
    for (let index = this.#suspects.length - 1; index >= 0; index--) {
      const suspect = this.#suspects[index];
      if (suspect?.queue !== queue || !isMeant(suspect.slot)) continue;
      this.#suspects.splice(index, 1);
      slots.push(suspect.slot);
    }
    return slots;
  }

  /** Gives up a suspect, whosever it is; undefined if there is none. */
  protected takeSuspect(): Suspect<Queue> | undefined {
    this.unpark();
    return this.#suspects.shift();
  }

  /** Hands waiting requests to ports that have room; returns how many. */
  dispatch(): number {
    const { scheduler } = this;
    if (this.#isCautious && !this.#dispatchSuspect()) return 0;
    let count = 0;
    for (let queue = scheduler.next(); queue !== undefined; queue = scheduler.next()) {
      const port = this.#roomiestPort(
        scheduler.isContended ? this.#contendedWorkNanos() : PORT_WORK_NANOS_MAX,
      );
      if (port === undefined) break;
      const slot = queue.shift();
      const nanos = queue.flow.headNanos;
      const outcome = this.send(port, queue, slot, nanos);
      if (!isSent(outcome)) {
        queue.prepend(slot);
        if (outcome === SEND_FULL) break;
        scheduler.remove(queue);
        this.#parked.add(queue);
        continue;
      }
      this.#longestNanos = Math.max(nanos, this.#longestNanos * LONGEST_KEEP);
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
    const port = this.#roomiestPort(PORT_WORK_NANOS_MAX);
    if (port === undefined) return false;
    const { queue, slot } = suspect;
    const nanos = this.estimate(queue, slot);
    const outcome = this.send(port, queue, slot, nanos);
    if (outcome === SEND_FULL) return false;
    this.#suspects.shift();
    if (outcome === SEND_PENDING) this.#parkedSuspects.push(suspect);
    else queue.flow.charge(nanos);
    return false;
  }

  /** The device may reach more memory than before: what waits for some is tried again. */
  unpark(): void {
    for (const queue of this.#parked) if (queue.firstSlot !== NO_SLOT) this.scheduler.activate(queue);
    this.#parked.clear();
    if (this.#parkedSuspects.length === 0) return;
    this.#suspects.push(...this.#parkedSuspects.splice(0));
    this.#isCautious = true;
  }

  /** Estimated device time of a request, nanoseconds. */
  estimate(queue: Queue, slot: number): number {
    const nanos = this.#costs.estimate(this.operationOf(queue, slot), this.bytesOf(queue, slot));
    return nanos * queue.flow.slowness;
  }

  /** That a flow's requests are slow is believed a little less: those that it sends are not run, nor measured. */
  protected doubt(flow: Flow): void {
    if (flow.slowness > 1) flow.slowness **= DOUBT;
  }

  /** A request has completed: corrects its charge, and what is thought of the next one like it. */
  protected account(
    queue: Queue,
    slot: number,
    chargedNanos: number,
    measuredNanos: number,
    isGood: boolean,
  ): void {
    const nanos = Math.max(measuredNanos, FLOOR_NANOS);
    this.scheduler.settle(queue.flow, chargedNanos, nanos);
    // A failed one ended early: it tells nothing of the others, and must not make them look cheap.
    if (!isGood) return;
    const operation = this.operationOf(queue, slot);
    const bytes = this.bytesOf(queue, slot);
    correctSlowness(queue.flow, nanos / this.#costs.estimate(operation, bytes));
    this.#costs.learn(operation, bytes, nanos);
  }

  /** A request that a port held waits again. */
  protected putBack(queue: Queue, slot: number, chargedNanos: number): void {
    this.scheduler.settle(queue.flow, chargedNanos, 0);
    queue.prepend(slot);
    this.scheduler.headChanged(queue);
  }

  #contendedWorkNanos(): number {
    return Math.min(PORT_WORK_NANOS_MAX, Math.max(PORT_WORK_NANOS_MIN, this.#longestNanos / 2));
  }

  /** The port with the least work, if that is less than `workNanosMax`. An empty port always has room. */
  #roomiestPort(workNanosMax: number): Port | undefined {
    const { ports } = this;
    const first = ports[0] as Port;
    if (ports.length === 1) return hasRoom(first, workNanosMax) ? first : undefined;
    let best: Port | undefined;
    for (let index = 0; index < ports.length; index++) {
      const port = ports[index] as Port;
      if (hasRoom(port, workNanosMax) && (best === undefined || port.workNanos < best.workNanos)) best = port;
    }
    return best;
  }
}

function isSent(outcome: number): boolean {
  return outcome !== SEND_FULL && outcome !== SEND_PENDING;
}

function hasRoom(port: PortLoad, workNanosMax: number): boolean {
  const isShort = port.inFlight === 0 || port.workNanos < workNanosMax;
  return isShort && port.inFlight < port.depth && port.isReady;
}

/**
 * How much of a surprise is believed, in octaves: that a flow's requests take longer than others' soon, that they
 * don't slowly. A single one that was held up, by whatever the host did meanwhile, doubles the estimate or so.
 */
const SLOWNESS_RISE = 1 / 4;
const SLOWNESS_FALL = 1 / 32;
const SLOWNESS_OCTAVES_MAX = 6;
/** How much of a surprise is left after a request was refused because of it. */
const DOUBT = 0.99;

/** `ratio`: how long a request took, beside what was estimated of anybody's. */
function correctSlowness(flow: Flow, ratio: number): void {
  const known = Math.log2(flow.slowness);
  const found = Math.min(SLOWNESS_OCTAVES_MAX, Math.max(-SLOWNESS_OCTAVES_MAX, Math.log2(ratio)));
  flow.slowness = 2 ** (known + (found - known) * (found > known ? SLOWNESS_RISE : SLOWNESS_FALL));
}
