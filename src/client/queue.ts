// A queue: where a program sends requests and receives completions, in either of two styles.
//
//     send / recv / recvSync   no allocation, no promises: the program keeps count and reaps
//     submit                   a promise for each request
//
// Both may be used on one queue: completions of promises go to them, all others to `recv`.

import { present } from '../shared/assert.ts';
import { errorCode, WarpError } from '../shared/errors.ts';
import { type AlgorithmName, sessionKind } from '../shared/operations.ts';
import { type Completion, emptyCompletion, type Request } from './request.ts';
import type { RequestPath } from './request-path.ts';
import { Session, type SessionOptions } from './session.ts';

/** What a queue needs of its connection. */
export interface QueueOwner {
  /** The channel at the moment; undefined while it is set up again, or when the connection is over. */
  path(): RequestPath | undefined;
  /** Throws why the connection is over, once it is. */
  checkOpen(): void;
  releaseQueue(queue: Queue): Promise<void>;
  openSession(queue: Queue, options: SessionOptions): Promise<Session>;
}

/** A request that was lost when it may have run is sent again so often, where that does no harm. */
const REPEATS_MAX = 3;

/** A request with a promise. The way to the daemon carries it along, and back with the completion. */
export interface Promised {
  readonly request: Request;
  /** How often it was sent again when it may have run. */
  repeats: number;
  readonly resolve: (completion: Completion) => void;
  readonly reject: (error: WarpError) => void;
}

export interface QueueGrant {
  readonly algorithm: AlgorithmName;
  readonly device: string;
  readonly depth: number;
  readonly requestBytesMax: number;
  readonly number: number;
}

export class Queue {
  readonly algorithm: AlgorithmName;
  /** Requests that can be in flight at once. */
  readonly depth: number;
  /** The largest input or output of a request, bytes. */
  readonly requestBytesMax: number;
  readonly #owner: QueueOwner;
  #device: string;
  #number: number;
  #isReleased = false;
  /** Sent, and neither received by the program nor handed to a promise. */
  #inFlight = 0;
  /** Completions that were reaped on behalf of others: a ring of objects that are used again and again. */
  readonly #ready: Completion[] = [];
  #readyHead = 0;
  #readyCount = 0;
  /** Requests in flight that have a promise. */
  #promisedInFlight = 0;
  /** Requests that wait for room, in order. */
  #waiting: Promised[] = [];

  /** For Connection only. */
  constructor(owner: QueueOwner, grant: QueueGrant) {
    this.#owner = owner;
    this.algorithm = grant.algorithm;
    this.#device = grant.device;
    this.depth = grant.depth;
    this.requestBytesMax = grant.requestBytesMax;
    this.#number = grant.number;
  }

  /** The device that serves it. */
  get device(): string {
    return this.#device;
  }

  /** The daemon's number for it; another one after the connection had to be set up again. */
  get number(): number {
    return this.#number;
  }

  /** Requests sent whose completions the program has not received yet. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Keeps a level or a key for requests to name. Throws INVALID_ARGUMENT where the algorithm takes no such thing. */
  openSession(options: SessionOptions): Promise<Session> {
    const kind = sessionKind(this.algorithm);
    if (typeof options !== 'object' || !(kind in options)) {
      throw new WarpError('INVALID_ARGUMENT', {
        operation: `open a session for "${this.algorithm}"`,
        found: `${Object.keys(options ?? {}).join(', ') || 'nothing'} given`,
        hint: kind === 'none' ? 'its requests need no session' : `give a ${kind}`,
      });
    }
    return this.#owner.openSession(this, options);
  }

  /**
   * Sends one request. False when the queue is full, or while the connection is set up again: reap, then try again.
   * Throws INVALID_ARGUMENT for a request that can't be written down, RELEASED after `release`.
   */
  send(request: Request): boolean {
    return this.#send(request, undefined);
  }

  #send(request: Request, promised: Promised | undefined): boolean {
    this.#owner.checkOpen();
    if (this.#isReleased) throw this.#released('send a request');
    if (this.#inFlight >= this.depth) return false;
    const path = this.#owner.path();
    if (path === undefined || !path.send(this, request, promised)) return false;
    this.#inFlight += 1;
    return true;
  }

  /**
   * Receives completions without waiting: at most `max`, into the objects of `into`, which are used again (and made
   * where there are none yet). Returns how many.
   */
  recv(into: Completion[], max: number = this.depth): number {
    for (let index = into.length; index < max; index++) into.push(emptyCompletion());
    let count = 0;
    while (count < max && this.#readyCount > 0) {
      // Exchanged, not copied: the program's old object becomes the ring's.
      const next = this.#ready[this.#readyHead] as Completion;
      this.#ready[this.#readyHead] = into[count] as Completion;
      into[count] = next;
      this.#dropReady();
      count += 1;
    }
    const path = count < max ? this.#owner.path() : undefined;
    if (path !== undefined && !path.isEnded) count += path.reap(this, into, count, max - count);
    this.#inFlight -= count;
    if (count > 0 && this.#waiting.length > 0) this.#pump();
    return count;
  }

  /**
   * Receives completions, waiting for the first one: spins shortly, then blocks the thread. Returns 0 if none came
   * within `timeoutMillis`. Throws INVALID_ARGUMENT for a time-out that is not 0 or more, UNSUPPORTED over gRPC.
   */
  recvSync(into: Completion[], timeoutMillis: number): number {
    if (!(timeoutMillis >= 0)) {
      const found = `a time-out of ${String(timeoutMillis)}`;
      throw new WarpError('INVALID_ARGUMENT', {
        operation: 'wait for completions',
        found,
        hint: 'give milliseconds',
      });
    }
    const endMillis = performance.now() + timeoutMillis;
    for (;;) {
      this.#owner.path()?.checkBlocking();
      const count = this.recv(into);
      const leftMillis = endMillis - performance.now();
      if (count > 0 || leftMillis <= 0) return count;
      const path = this.#owner.path();
      if (path === undefined) this.#owner.checkOpen();
      if (path === undefined) return 0;
      if (!path.wait(leftMillis)) return this.recv(into);
    }
  }

  /**
   * Sends a request, as soon as there is room, and resolves with its completion. Rejects with the code that it
   * failed with. Leave the request object and its ranges alone until then.
   */
  submit(request: Request): Promise<Completion> {
    return new Promise((resolve, reject) => {
      const promised = { request, repeats: 0, resolve, reject };
      if (this.#waiting.length === 0 && this.#start(promised)) return;
      this.#waiting.push(promised);
      this.#owner.path()?.listen(this);
    });
  }

  /** False when there is no room at the moment. A request that can never be sent rejects at once. */
  #start(promised: Promised): boolean {
    try {
      if (!this.#send(promised.request, promised)) return false;
    } catch (error) {
      promised.reject(error as WarpError);
      return true;
    }
    this.#promisedInFlight += 1;
    if (this.#promisedInFlight === 1) this.#owner.path()?.listen(this);
    return true;
  }

  /** For RequestPath only: the object that a completion of this queue goes into; follow with `accept`. */
  nextCompletion(promised: Promised | undefined): Completion {
    if (promised !== undefined) return emptyCompletion();
    const at = (this.#readyHead + this.#readyCount) % this.depth;
    for (let index = this.#ready.length; index <= at; index++) this.#ready.push(emptyCompletion());
    return present(this.#ready[at], 'the object just made');
  }

  /**
   * For RequestPath only: the object of `nextCompletion` was filled in. `isHarmless`: running the request once more
   * would change nothing but its output.
   */
  accept(completion: Completion, promised: Promised | undefined, isHarmless = false): void {
    if (promised === undefined) {
      this.#readyCount += 1;
      return;
    }
    this.#promisedInFlight -= 1;
    this.#inFlight -= 1;
    this.#settle(promised, completion, isHarmless);
  }

  #dropReady(): void {
    this.#readyHead = (this.#readyHead + 1) % this.depth;
    this.#readyCount -= 1;
  }

  /** For RequestPath only: promises may have been settled, so there may be room for what waits. */
  afterTurn(): void {
    this.#pump();
    if (this.#promisedInFlight === 0 && this.#waiting.length === 0) this.#owner.path()?.ignore(this);
  }

  #settle(promised: Promised, completion: Completion, isHarmless: boolean): void {
    const { code, ran } = completion;
    const mayRepeat = ran === 'no' || (isHarmless && promised.repeats < REPEATS_MAX);
    if (code === 'OK') {
      promised.resolve(completion);
    } else if (code === 'INTERRUPTED' && mayRepeat && !this.#isReleased) {
      // It has not run, or that does no harm: it is sent again as if nothing had happened.
      if (ran !== 'no') promised.repeats += 1;
      this.#waiting.push(promised);
    } else {
      const operation = `run "${promised.request.operation}" on ${this.#device}`;
      promised.reject(
        new WarpError(errorCode(completion.status), { operation, ran: ran === 'yes' ? undefined : ran }),
      );
    }
  }

  /** There may be room again. */
  #pump(): void {
    while (this.#waiting.length > 0) {
      if (!this.#start(this.#waiting[0] as Promised)) return;
      this.#waiting.shift();
    }
  }

  /** For Connection only: the daemon has lent it anew. */
  renew(number: number, device: string): void {
    this.#number = number;
    this.#device = device;
    this.#pump();
    if (this.#promisedInFlight > 0 || this.#waiting.length > 0) this.#owner.path()?.listen(this);
  }

  /** For Connection only: the connection is over, and with it what waits. */
  fail(error: WarpError): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** Gives the queue back. What the device doesn't hold yet fails as CANCELLED. Calling it again does nothing. */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    for (const { reject, request } of this.#waiting.splice(0)) {
      reject(new WarpError('CANCELLED', { operation: `run "${request.operation}"`, ran: 'no' }));
    }
    await this.#owner.releaseQueue(this);
  }

  #released(operation: string): WarpError {
    return new WarpError('RELEASED', { operation, found: 'the queue was released' });
  }
}
