// A queue that a tenant was lent: its requests, in order, and the flow that pays for them.

import type { AlgorithmName } from '../../shared/operations.ts';
import type { Channel } from './channel.ts';
import type { Device } from './device.ts';
import { type DispatchQueue, NO_SLOT } from './dispatch.ts';
import type { Flow, Schedulable } from './scheduler.ts';
import type { Usage } from './usage.ts';

export class Queue implements DispatchQueue {
  readonly channel: Channel;
  readonly number: number;
  readonly device: Device;
  readonly flow: Flow;
  /** What its tenant has had of its device. */
  readonly usage: Usage;
  readonly algorithm: AlgorithmName;
  readonly algorithmIndex: number;
  /** Requests that may be in flight at once. */
  readonly depth: number;
  inFlight = 0;
  completed = 0;
  /** The waiting requests: a list of slots, linked through the channel's `nextSlot`. */
  firstSlot = NO_SLOT;
  lastSlot = NO_SLOT;
  nextQueue: Schedulable | undefined = undefined;
  previousQueue: Schedulable | undefined = undefined;
  isScheduled = false;
  /** The queue that has taken its place, on another device. What comes back to this one goes there. */
  successor: Queue | undefined = undefined;

  constructor(
    channel: Channel,
    number: number,
    device: Device,
    flow: Flow,
    algorithm: { readonly name: AlgorithmName; readonly index: number },
    depth: number,
  ) {
    this.channel = channel;
    this.number = number;
    this.device = device;
    this.flow = flow;
    this.usage = device.usageOf(channel.tenant);
    this.algorithm = algorithm.name;
    this.algorithmIndex = algorithm.index;
    this.depth = depth;
  }

  /** Gives all that waits to the queue that takes its place. */
  moveWaitingTo(successor: Queue): void {
    while (this.firstSlot !== NO_SLOT) {
      const slot = this.shift();
      this.inFlight -= 1;
      successor.inFlight += 1;
      successor.device.enqueue(successor, slot);
    }
  }

  append(slot: number): void {
    const { nextSlot } = this.channel;
    nextSlot[slot] = NO_SLOT;
    if (this.lastSlot === NO_SLOT) this.firstSlot = slot;
    else nextSlot[this.lastSlot] = slot;
    this.lastSlot = slot;
  }

  /** Puts back a request that was dispatched and did not run. */
  prepend(slot: number): void {
    this.channel.nextSlot[slot] = this.firstSlot;
    if (this.firstSlot === NO_SLOT) this.lastSlot = slot;
    this.firstSlot = slot;
  }

  /** Takes the oldest waiting request: there is one. */
  shift(): number {
    const slot = this.firstSlot;
    this.firstSlot = this.channel.nextSlot[slot] as number;
    if (this.firstSlot === NO_SLOT) this.lastSlot = NO_SLOT;
    return slot;
  }

  /** Takes those of `slots` that wait out of the list; returns them. */
  withdraw(slots: ReadonlySet<number>): number[] {
    const { nextSlot } = this.channel;
    const withdrawn: number[] = [];
    let before = NO_SLOT;
    for (let slot = this.firstSlot; slot !== NO_SLOT; ) {
      const next = nextSlot[slot] as number;
      if (slots.has(slot)) {
        withdrawn.push(slot);
        if (before === NO_SLOT) this.firstSlot = next;
        else nextSlot[before] = next;
      } else {
        before = slot;
      }
      slot = next;
    }
    this.lastSlot = before;
    return withdrawn;
  }
}
