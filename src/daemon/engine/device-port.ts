// A port of a device with the engine's account of what it holds: requests by tag, and what each was estimated to cost.

import { type HardwareQueue, ROW_WORDS, SEND_TAKEN } from '../../hwdrivers/driver.ts';
import type { Port, PortEvents } from '../../hwdrivers/port.ts';
import { PortLoad } from './dispatch.ts';
import type { Queue } from './queue.ts';

/** 'idle': nobody wants it, and it would be had if somebody did. */
export type PortState = 'idle' | 'starting' | 'ready' | 'failed';

export class DevicePort extends PortLoad {
  readonly port: Port;
  state: PortState = 'starting';
  /** When it last completed a request, or took one while it held none; by the engine's clock. */
  lastProgressMillis = 0;
  isTimedOut = false;
  readonly #hardware: HardwareQueue;
  /** A stack: the free tags are those from `inFlight` on. */
  readonly #tags: Int32Array;
  readonly #queues: (Queue | undefined)[];
  readonly #slots: Int32Array;
  readonly #nanos: Float64Array;

  constructor(open: (events: PortEvents) => Port, events: PortEvents) {
    const port = open(events);
    const { depth } = port.queue;
    super(depth);
    this.port = port;
    this.#hardware = port.queue;
    this.#tags = Int32Array.from({ length: depth }, (_, index) => index);
    this.#queues = Array.from({ length: depth }, () => undefined);
    this.#slots = new Int32Array(depth);
    this.#nanos = new Float64Array(depth);
  }

  /** `isOut`: its device is out of service, and gives it no requests whatever its state. */
  setState(state: PortState, isOut: boolean): void {
    this.state = state;
    this.isReady = state === 'ready' && !isOut;
  }

  /** One that is idle comes up when it is wanted; one that is not wanted any more tells when it is idle. */
  setWanted(isWanted: boolean, isOut: boolean): void {
    if (isWanted && this.state === 'idle') this.setState('starting', isOut);
    this.port.setWanted(isWanted);
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
