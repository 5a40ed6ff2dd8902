// The engine: channels on one side, devices on the other, and the loop that moves requests between them.
//
// The loop runs in turns of a fraction of a millisecond, between which the event loop runs:
//
//     event loop (doorbells, control messages, timers)
//        ^  |
//        |  v
//      turn: round, round, round ...     a round visits each awake channel once, dispatches, reaps, publishes
//        |
//        +-- nothing for a while: raise the wake-up flags, look once more, sleep until something rings
//
// Where all devices of a channel have enough to do, its client need not ring: their next completion wakes the engine.
//
// How long it spins before it sleeps follows what sleeping was worth: a sleep that ended soon makes the next spin
// longer, one that lasted makes it shorter. Only what rang or has work is visited, so idle channels cost nothing.

import { assert } from '../../shared/assert.ts';
import { Channel, TAKE_LIMITED, TAKE_NOTHING, TAKE_VIOLATION } from './channel.ts';
import type { Device } from './device.ts';
import { Durations } from './durations.ts';
import type { Tenant } from './tenant.ts';

/** Work before the event loop has its turn again, milliseconds. */
const TURN_MILLIS = 0.4;
/** The longest that the engine spins without finding anything, milliseconds: about the cost of two wake-ups. */
const SPIN_MILLIS_MAX = 0.1;
const SPIN_MILLIS_FIRST = 0.01;
/** Rounds between two looks at the clock. */
const ROUNDS_PER_CLOCK = 32;
/** A channel without a submission for this long is put to sleep while others keep the engine busy. */
const CHANNEL_IDLE_MILLIS = 0.5;
/** How often running requests are checked against their time limit, milliseconds. */
const TIME_CHECK_MILLIS = 50;

/** Time as the engine knows it: read once in a while, good enough for limits of milliseconds. */
export interface Clock {
  nowMillis: number;
}

export interface LoopEvents {
  /** The client broke the protocol; `channel.violation` says how. */
  onViolation(channel: Channel): void;
  /** Wakes the client of the channel. */
  ring(channel: Channel): void;
  /** Requests of the channel have completed. */
  onCompleted(channel: Channel): void;
}

export class Engine {
  readonly clock: Clock = { nowMillis: performance.now() };
  readonly devices: Device[] = [];
  readonly #events: LoopEvents;
  readonly #cores: number;
  /** Channels that are polled. */
  readonly #awake: Channel[] = [];
  /** Channels with completions to publish: the first `#postedCount` of the list. */
  readonly #posted: Channel[] = [];
  #postedCount = 0;
  /** For tenants that wait for their rates: when there will be something again. */
  readonly #refills = new Map<Tenant, NodeJS.Timeout>();
  /** Called after the next turn. */
  readonly #onTurn: (() => void)[] = [];
  #spinMillis = SPIN_MILLIS_FIRST;
  #lastWorkMillis = 0;
  #sleptAtMillis = 0;
  #visitedMillis = 0;
  #isAsleep = true;
  #isTurnScheduled = false;
  #timeCheck: NodeJS.Timeout | undefined = undefined;
  turns = 0;
  /** How long channels that were awake went unvisited, from one look at the clock to the next. */
  readonly unvisited = new Durations();
  /** Takes nothing more from channels and gives devices nothing more. */
  isResting = false;

  /** `cores`: processors that the engine shares with the workers of its soft devices. */
  constructor(events: LoopEvents, cores: number) {
    this.#events = events;
    this.#cores = cores;
  }

  /** The channel rang, or is new: visits it from now on, at once if the engine slept. */
  wakeChannel(channel: Channel): void {
    this.visit(channel);
    if (channel.isAwake) this.wake();
  }

  /** The channel is one of those that are visited once the engine is awake. */
  visit(channel: Channel): void {
    if (channel.isEnded || channel.isClosing || channel.isAwake) return;
    // If its tenant still may send no more, it will wait again.
    channel.tenant.waiting.delete(channel);
    channel.isAwake = true;
    channel.lastWorkMillis = this.clock.nowMillis;
    this.#awake.push(channel);
  }

  /** Something may have changed: looks at everything that is not asleep. */
  wake(): void {
    if (!this.#isAsleep) return;
    this.#isAsleep = false;
    const now = performance.now();
    const sleptMillis = now - this.#sleptAtMillis;
    // A sleep shorter than a spin would have been is one that spinning would have saved.
    if (sleptMillis < SPIN_MILLIS_MAX) {
      this.#spinMillis = Math.min(SPIN_MILLIS_MAX, Math.max(SPIN_MILLIS_FIRST, this.#spinMillis * 2));
    } else {
      this.#spinMillis /= 2;
    }
    this.#lastWorkMillis = now;
    this.#visitedMillis = now;
    this.#turn();
  }

  /**
   * Takes what the client of the channel has submitted until now, though nobody rang. Called before anything is taken
   * away from the channel: those requests came first. What is beyond its tenant's limits stays where it is.
   */
  takeFrom(channel: Channel): void {
    this.visit(channel);
    this.wake();
    if (!channel.isAwake || this.isResting) return;
    const index = this.#awake.lastIndexOf(channel);
    for (let left = channel.end.available(), taken = 1; left > 0 && taken > 0; left -= taken)
      taken = this.#take(channel, index);
  }

  /** Calls back once a round of work is done; at once if there is none to do. */
  whenWorked(done: () => void): void {
    if (this.#isAsleep) setImmediate(done);
    else this.#onTurn.push(done);
  }

  /** Takes nothing more from the channel, whatever its client sends; what was taken completes. */
  close(channel: Channel): void {
    channel.isClosing = true;
    this.forget(channel);
  }

  forget(channel: Channel): void {
    channel.isAwake = false;
    channel.tenant.waiting.delete(channel);
    const index = this.#awake.indexOf(channel);
    if (index !== -1) this.#removeAwake(index);
    this.unlimit(channel.tenant);
  }

  readonly #turn = (): void => {
    this.#isTurnScheduled = false;
    this.turns += 1;
    let now = this.#readClock();
    const endMillis = now + TURN_MILLIS;
    let hasWorked = false;
    let sharesCores = this.#sharesCores();
    for (let round = 1; !this.#isAsleep; round++) {
      const isIdle = this.#round() === 0;
      if (!isIdle) hasWorked = true;
      if (round % ROUNDS_PER_CLOCK !== 0 && !(isIdle && sharesCores)) continue;
      now = this.#readClock();
      sharesCores = this.#sharesCores();
      if (hasWorked) this.#lastWorkMillis = now;
      else if (sharesCores || now - this.#lastWorkMillis >= this.#spinMillis) this.#sleep(now);
      hasWorked = false;
      if (now >= endMillis) break;
    }
    this.#dropIdle(now);
    this.#watchTime();
    if (this.#onTurn.length > 0) for (const done of this.#onTurn.splice(0)) done();
    if (this.#isAsleep || this.#isTurnScheduled) return;
    this.#isTurnScheduled = true;
    setImmediate(this.#turn);
  };

  /** Between two looks every channel that is awake is visited. */
  #readClock(): number {
    const now = performance.now();
    this.unvisited.note(now - this.#visitedMillis);
    this.#visitedMillis = now;
    this.clock.nowMillis = now;
    return now;
  }

  /** Spinning beside as many busy soft workers as there are other cores only takes the time from them. */
  #sharesCores(): boolean {
    let busy = 0;
    for (const device of this.devices) if (device.description.usesCores) busy += device.busyPorts;
    return busy >= this.#cores - 1;
  }

  /** Visits everything once; returns how many requests were moved. */
  #round(): number {
    let moved = 0;
    for (let index = this.isResting ? -1 : this.#awake.length - 1; index >= 0; index--) {
      if (this.#take(this.#awake[index] as Channel, index) !== TAKE_NOTHING) moved += 1;
    }
    const { devices } = this;
    for (let index = 0; index < devices.length; index++) {
      const device = devices[index] as Device;
      moved += device.reap();
      if (device.isWaiting && !this.isResting) moved += device.dispatch();
    }
    if (this.#postedCount > 0) this.#publish();
    return moved;
  }

  #take(channel: Channel, index: number): number {
    const taken = channel.take(this.clock.nowMillis);
    if (taken === TAKE_NOTHING) return taken;
    channel.lastWorkMillis = this.clock.nowMillis;
    if (taken === TAKE_LIMITED) this.#limit(channel, index);
    else if (taken === TAKE_VIOLATION) this.#events.onViolation(channel);
    return taken;
  }

  /** The channel has completions to publish, where it had none before. */
  notePosted(channel: Channel): void {
    this.#posted[this.#postedCount++] = channel;
  }

  #publish(): void {
    const posted = this.#posted;
    for (let index = 0; index < this.#postedCount; index++) {
      const channel = posted[index] as Channel;
      channel.isPosted = false;
      if (!channel.isEnded && channel.end.publish()) this.#events.ring(channel);
      this.#events.onCompleted(channel);
      if (channel.tenant.waiting.size > 0) this.unlimit(channel.tenant);
    }
    this.#postedCount = 0;
  }

  /** The tenant may send no more: its submissions stay where they are until some have completed, or its rates allow. */
  #limit(channel: Channel, index: number): void {
    this.#removeAwake(index);
    channel.isAwake = false;
    channel.tenant.waiting.add(channel);
    this.#awaitRefill(channel.tenant);
  }

  /** The tenant may have room again: visits as many of its waiting channels as can send something, the oldest first. */
  unlimit(tenant: Tenant): void {
    let room = tenant.waiting.size === 0 ? 0 : tenant.room(this.clock.nowMillis);
    for (const channel of tenant.waiting) {
      if (room <= 0) break;
      room -= 1;
      tenant.waiting.delete(channel);
      this.wakeChannel(channel);
    }
    if (tenant.waiting.size > 0) this.#awaitRefill(tenant);
  }

  #awaitRefill(tenant: Tenant): void {
    const waitMillis = tenant.waitMillis(this.clock.nowMillis);
    if (waitMillis === 0 || this.#refills.has(tenant)) return;
    const onRefill = (): void => {
      this.#refills.delete(tenant);
      this.clock.nowMillis = performance.now();
      this.unlimit(tenant);
    };
    this.#refills.set(tenant, setTimeout(onRefill, Math.ceil(waitMillis)));
  }

  #removeAwake(index: number): void {
    const last = this.#awake.pop();
    assert(last !== undefined, 'an awake channel is in the list');
    if (index < this.#awake.length) this.#awake[index] = last;
  }

  /** Puts channels to sleep that have had nothing for a while. */
  #dropIdle(nowMillis: number): void {
    for (let index = this.#awake.length - 1; index >= 0; index--) {
      const channel = this.#awake[index] as Channel;
      if (nowMillis - channel.lastWorkMillis > CHANNEL_IDLE_MILLIS) this.#putToSleep(channel, index);
    }
  }

  #putToSleep(channel: Channel, index: number): boolean {
    if (!channel.end.prepareSleep()) return false;
    channel.isAwake = false;
    this.#removeAwake(index);
    return true;
  }

  /** Sleeps if, with all flags raised, there is still nothing to do. */
  #sleep(nowMillis: number): void {
    let canWait = 0;
    for (let index = this.#awake.length - 1; index >= 0; index--) {
      const channel = this.#awake[index] as Channel;
      if (channel.canWait) canWait += 1;
      else this.#putToSleep(channel, index);
    }
    if (this.#awake.length > canWait) return;
    for (const device of this.devices) if (!device.prepareSleep()) return;
    this.#isAsleep = true;
    this.#sleptAtMillis = nowMillis;
  }

  /** Runs a timer while a device holds requests, and only then. */
  #watchTime(): void {
    const isBusy = this.devices.some((device) => device.inFlight > 0);
    if (isBusy === (this.#timeCheck !== undefined)) return;
    if (!isBusy) {
      clearInterval(this.#timeCheck);
      this.#timeCheck = undefined;
      return;
    }
    this.#timeCheck = setInterval(() => {
      this.clock.nowMillis = performance.now();
      for (const device of this.devices) device.checkTime(this.clock.nowMillis);
      this.#watchTime();
    }, TIME_CHECK_MILLIS);
  }
}
