// A direct queue: a hardware queue that is the program's own, with no process of the daemon in its way. The driver is
// the one that the engine runs for shared queues; the daemon has handed over the descriptor and mapped the regions.
//
// The daemon can stop it at any time. What is in flight then is INTERRUPTED, and `send` throws.

import { present } from '../shared/assert.ts';
import {
  C_DEVICE_NANOS,
  C_PRODUCED,
  C_RESULT,
  C_SLOT,
  C_STATUS,
  COMPLETION_WORDS,
  PARAMETER_WORDS,
} from '../shared/channel/layout.ts';
import { errorCode, errorNumber, WarpError } from '../shared/errors.ts';
import { ROW_PARAMETERS, ROW_WORDS, SEND_DONE, SEND_FULL, SEND_PENDING } from '../hwdrivers/driver.ts';
import { driverOf } from '../hwdrivers/spimdev/drivers.ts';
import type { SpimdevQueue } from '../hwdrivers/spimdev/driver.ts';
import { ADDRESS_NONE, type DeviceAddresses, SpimdevTransport } from '../hwdrivers/spimdev/transport.ts';
import type { Fd } from '../sys/fd.ts';
import { type Completion, emptyCompletion, type Request, writeRequest } from './request.ts';

const INTERRUPTED = errorNumber('INTERRUPTED');
const STOPPED_OPERATION = 'send a request to a direct queue';

/** What the daemon hands over. */
export interface DirectGrant {
  /** The hardware queue. */
  readonly fd: Fd;
  /** The format of the queue. */
  readonly deviceApi: string;
  /** Where the device sees the program's regions, by their numbers. */
  readonly addresses: DeviceAddresses;
}

/** Where the device of one direct queue sees regions: each as the daemon has mapped it. */
export class RegionAddresses implements DeviceAddresses {
  readonly #addresses = new Map<number, number>();

  addressOf(region: number): number {
    return this.#addresses.get(region) ?? ADDRESS_NONE;
  }

  set(region: number, address: number): void {
    this.#addresses.set(region, address);
  }

  forget(region: number): void {
    this.#addresses.delete(region);
  }
}

export class DirectQueue {
  /** Requests that can be in flight at once. */
  readonly depth: number;
  readonly #transport: SpimdevTransport;
  readonly #hardware: SpimdevQueue;
  readonly #row = new Int32Array(ROW_WORDS);
  readonly #rowBytes = Buffer.from(this.#row.buffer);
  readonly #completion = new Int32Array(COMPLETION_WORDS + PARAMETER_WORDS);
  /** Tags that are free: the driver brings a request's back with its completion. */
  readonly #freeTags: number[];
  /** Of the requests in flight by their tags, in the order in which they were sent. */
  readonly #cookies = new Map<number, number>();
  /** Completed while they were sent. */
  readonly #done: Completion[] = [];
  readonly #onRelease: () => Promise<void>;
  #isReleased = false;

  /** For Connection only: takes the queue over. Throws UNSUPPORTED if no driver knows its format. */
  constructor(
    { fd, deviceApi, addresses }: DirectGrant,
    onRelease: () => Promise<void> = () => Promise.resolve(),
  ) {
    this.#onRelease = onRelease;
    const driver = driverOf(deviceApi);
    this.#transport = new SpimdevTransport(fd, driver.memoryBytes, addresses);
    this.#hardware = driver.open(this.#transport);
    this.depth = this.#hardware.depth;
    this.#freeTags = Array.from({ length: this.depth }, (_, tag) => tag);
  }

  /** Requests sent whose completions the program has not received yet. */
  get inFlight(): number {
    return this.#cookies.size + this.#done.length;
  }

  /** False when the queue is full. Throws RELEASED once the queue is over. */
  send(request: Request): boolean {
    this.#checkOpen();
    const tag = this.#freeTags.at(-1);
    if (tag === undefined) return false;
    const cookie = request.cookie ?? 0;
    writeRequest(this.#row, this.#rowBytes, 0, ROW_PARAMETERS, 0, request);
    const answer = this.#hardware.send(this.#row, 0, tag, this.#completion);
    if (answer === SEND_FULL || answer === SEND_PENDING) return false;
    if (answer === SEND_DONE) {
      const completion = emptyCompletion();
      this.#fill(completion, cookie);
      this.#done.push(completion);
      return true;
    }
    this.#freeTags.pop();
    this.#cookies.set(tag, cookie);
    return true;
  }

  /** Receives completions without waiting: at most `max`, into the objects of `into`. Returns how many. */
  recv(into: Completion[], max: number = this.depth): number {
    for (let index = into.length; index < max; index++) into.push(emptyCompletion());
    let count = 0;
    while (count < max && this.#done.length > 0) into[count++] = present(this.#done.shift(), 'a completion');
    while (
      count < max &&
      this.#cookies.size > 0 &&
      !this.#isReleased &&
      this.#hardware.recv(this.#completion)
    ) {
      this.#fill(present(into[count], 'an object'), this.#release(this.#completion[C_SLOT] as number));
      count += 1;
    }
    if (count < max && this.#cookies.size > 0 && this.isOver)
      count += this.#interrupt(into, count, max - count);
    return count;
  }

  /** Receives completions, blocking the thread until there is one. Returns 0 if none came within `timeoutMillis`. */
  recvSync(into: Completion[], timeoutMillis: number): number {
    const count = this.recv(into);
    if (count > 0 || this.inFlight === 0 || !this.#transport.wait(timeoutMillis)) return count;
    return this.recv(into);
  }

  /** Gives the hardware queue back, which stops it. Calling it again does nothing. */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.abandon();
    await this.#onRelease();
  }

  /** For Connection only: stops the queue without telling the daemon. */
  abandon(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    if (this.#transport.state === 'running') this.#transport.stop();
    this.#transport.close();
  }

  /** Released, or taken back by the daemon. */
  get isOver(): boolean {
    return this.#isReleased || this.#transport.state !== 'running';
  }

  #checkOpen(): void {
    const hint = 'request another queue';
    if (this.#isReleased) throw new WarpError('RELEASED', { operation: STOPPED_OPERATION, hint });
    const { state } = this.#transport;
    if (state === 'running') return;
    const found = `the queue was taken back: it is ${state}`;
    throw new WarpError('RELEASED', { operation: STOPPED_OPERATION, found, hint });
  }

  /** The cookie of a request that is over. */
  #release(tag: number): number {
    const cookie = present(this.#cookies.get(tag), `request ${tag}`);
    this.#cookies.delete(tag);
    this.#freeTags.push(tag);
    return cookie;
  }

  /** The queue is over: what it held may have run. */
  #interrupt(into: Completion[], from: number, max: number): number {
    const lost = [...this.#cookies.keys()].slice(0, max);
    for (const [index, tag] of lost.entries()) {
      this.#completion.fill(0);
      this.#completion[C_STATUS] = INTERRUPTED;
      const completion = present(into[from + index], 'an object');
      this.#fill(completion, this.#release(tag));
      completion.ran = 'maybe';
    }
    return lost.length;
  }

  #fill(completion: Completion, cookie: number): void {
    const words = this.#completion;
    const status = words[C_STATUS] as number;
    completion.status = status;
    completion.code = status === 0 ? 'OK' : errorCode(status);
    completion.produced = words[C_PRODUCED] as number;
    completion.result = (words[C_RESULT] as number) >>> 0;
    completion.deviceNanos = (words[C_DEVICE_NANOS] as number) >>> 0;
    completion.cookie = cookie;
    completion.ran = 'yes';
    completion.tag = undefined;
  }
}
