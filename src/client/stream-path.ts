// One channel by way of a gRPC stream (Exchange): requests are written with their inputs, completions are read with
// their outputs.
//
// Flow control is the stream's: while it takes no more, `send` returns false; what completions wait for the program is
// bounded by the depths of its queues.

import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { errorCode, type ErrorCode, errorNumber, WarpError } from '../shared/errors.ts';
import {
  decodeExchangeResponse,
  encodeExchangeRequest,
  type ExchangeRequest,
  type Input,
  RAN,
  type ReceivedExchangeResponse,
  type WireRequest,
} from '../shared/exchange.ts';
import { brokerService, fromServiceError } from '../shared/grpc.ts';
import { type Operation, operations } from '../shared/operations.ts';
import type { Control } from './control.ts';
import type { Promised, Queue } from './queue.ts';
import {
  type Completion,
  parametersOf,
  type Range,
  rangeWithoutRegion,
  type Request,
  unknownOperation,
} from './request.ts';
import type { OnEnded, RequestPath } from './request-path.ts';

/** Inputs in one message; longer ones follow in parts. */
const MESSAGE_BYTES = 128 * 1024;
/** Requests that may wait to be written together. */
const BATCH_MAX = 64;

const NOTHING = Buffer.alloc(0);

/** What gRPC, not the daemon, ends a stream with: the connection is lost, another one will do. */
const lost: ReadonlySet<ErrorCode> = new Set(['NO_DAEMON', 'INTERNAL', 'DEADLINE_EXCEEDED']);

export type ExchangeCall = ClientDuplexStream<ExchangeRequest, ReceivedExchangeResponse>;

/** Begins the call; its first message is to name the channel. */
export function beginExchange({ client }: Control): ExchangeCall {
  const { path } = brokerService.Exchange;
  return client.makeBidiStreamRequest(path, encodeExchangeRequest, decodeExchangeResponse);
}

/** What a completion is for. */
interface Entry {
  readonly queue: Queue;
  readonly cookie: number;
  readonly promised: Promised | undefined;
  /** Where its output goes. */
  readonly output: Buffer | undefined;
  received: number;
  isWritten: boolean;
}

/** What a completion says; what is left out is 0 or empty. */
interface Outcome {
  readonly status: number;
  readonly produced?: number;
  readonly result?: number;
  readonly deviceNanos?: number;
  readonly tag?: Uint8Array;
  readonly ran: Completion['ran'];
}

export class StreamPath implements RequestPath {
  readonly #call: ExchangeCall;
  readonly #slots: number;
  readonly #onEnded: OnEnded;
  readonly #entries = new Map<number, Entry>();
  #nextId = 0;
  /** Requests to be written as one message, and the bytes of their inputs. */
  #batch: WireRequest[] = [];
  #batchBytes = 0;
  #isFlushScheduled = false;
  /** The stream takes no more at the moment. */
  #isFull = false;
  readonly #listeners = new Set<Queue>();
  #isEnded = false;

  constructor(call: ExchangeCall, channel: number, slots: number, onEnded: OnEnded) {
    this.#call = call;
    this.#slots = slots;
    this.#onEnded = onEnded;
    call.on('data', (message: ReceivedExchangeResponse) => this.#receive(message));
    call.on('drain', () => {
      this.#isFull = false;
      this.#tellListeners();
    });
    call.on('error', (error: ServiceError) => {
      const { code } = fromServiceError(error, 'exchange');
      this.#finish(lost.has(code) ? 'ENGINE_LOST' : code);
    });
    call.on('end', () => this.#finish('ENGINE_LOST'));
    call.write({ channel });
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  send(queue: Queue, request: Request, promised: Promised | undefined): boolean {
    if (this.#isEnded || this.#isFull || this.#entries.size >= this.#slots) return false;
    const operation = operations[request.operation] as Operation | undefined;
    if (operation === undefined) throw unknownOperation(request.operation);
    const { ranges } = operation;
    const source = ranges.source ? bytesOf(request.source) : undefined;
    const auxiliary = ranges.auxiliary === 'no' ? undefined : bytesOf(request.auxiliary);
    const output = ranges.destination ? bytesOf(request.destination) : undefined;
    const session = request.session === undefined ? 0 : request.session.number;
    const wire: WireRequest = {
      id: this.#freeId(),
      operation: operation.number,
      queue: queue.number,
      session,
      ...parametersOf(operation, request),
      ...(output === undefined || output === 'out of range' ? {} : { destination: { bytes: output.length } }),
    };
    const { cookie = 0 } = request;
    const isWritten = false;
    if (source === 'out of range' || auxiliary === 'out of range' || output === 'out of range') {
      const entry = { queue, cookie, promised, output: undefined, received: 0, isWritten };
      this.#entries.set(wire.id, entry);
      setImmediate(() => this.#failLocally(wire.id, errorNumber('OUT_OF_RANGE')));
      return true;
    }
    this.#entries.set(wire.id, { queue, cookie, promised, output, received: 0, isWritten });
    this.#write(wire, source, auxiliary);
    return true;
  }

  #freeId(): number {
    do this.#nextId = (this.#nextId + 1) >>> 0;
    while (this.#entries.has(this.#nextId));
    return this.#nextId;
  }

  #write(wire: WireRequest, source: Buffer | undefined, auxiliary: Buffer | undefined): void {
    const bytes = (source?.length ?? 0) + (auxiliary?.length ?? 0);
    if (bytes > MESSAGE_BYTES) return this.#writeInParts(wire, source, auxiliary);
    this.#batch.push({ ...wire, source: inputOf(source), auxiliary: inputOf(auxiliary) });
    this.#batchBytes += bytes;
    const isAlone = this.#entries.size === 1;
    if (isAlone || this.#batch.length >= BATCH_MAX || this.#batchBytes >= MESSAGE_BYTES) this.#flush();
    else this.#flushLater();
  }

  /** The request first, then its inputs piece by piece, one behind the other. */
  #writeInParts(wire: WireRequest, source: Buffer | undefined, auxiliary: Buffer | undefined): void {
    this.#flush();
    const announced = {
      source: { bytes: source?.length ?? 0 },
      auxiliary: { bytes: auxiliary?.length ?? 0 },
    };
    this.#writeMessage({ requests: [{ ...wire, ...announced }] });
    for (const input of [source ?? NOTHING, auxiliary ?? NOTHING]) {
      for (let at = 0; at < input.length; at += MESSAGE_BYTES)
        this.#writeMessage({ parts: [{ id: wire.id, data: input.subarray(at, at + MESSAGE_BYTES) }] });
    }
  }

  #flush(): void {
    if (this.#batch.length === 0) return;
    const requests = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#writeMessage({ requests });
  }

  #flushLater(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    setImmediate(() => {
      this.#isFlushScheduled = false;
      if (!this.#isEnded) this.#flush();
    });
  }

  #writeMessage(message: ExchangeRequest): void {
    for (const { id } of message.requests ?? []) {
      const entry = this.#entries.get(id);
      if (entry !== undefined) entry.isWritten = true;
    }
    if (!this.#call.write(message)) this.#isFull = true;
  }

  #receive({ parts, completions }: ReceivedExchangeResponse): void {
    for (const { id, data } of parts) this.#receiveOutput(this.#entries.get(id), data);
    // By name: what is not in the message is not the object's own.
    for (const { id, status, produced, result, deviceNanos, tag, ran, data } of completions) {
      this.#receiveOutput(this.#entries.get(id), data);
      this.#complete(id, { status, produced, result, deviceNanos, tag, ran: ranNames[ran] ?? 'yes' });
    }
    this.#tellListeners();
  }

  #receiveOutput(entry: Entry | undefined, data: Uint8Array): void {
    if (entry?.output === undefined || data.length === 0) return;
    entry.output.set(data.subarray(0, entry.output.length - entry.received), entry.received);
    entry.received += data.length;
  }

  #complete(id: number, outcome: Outcome): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    const { queue, promised } = entry;
    const completion = queue.nextCompletion(promised);
    const { status, tag = [] } = outcome;
    completion.status = status;
    completion.code = status === 0 ? 'OK' : errorCode(status);
    completion.produced = outcome.produced ?? 0;
    completion.result = outcome.result ?? 0;
    completion.deviceNanos = outcome.deviceNanos ?? 0;
    completion.cookie = entry.cookie;
    completion.ran = outcome.ran;
    completion.tag = tag.length === 0 ? undefined : Buffer.from(tag);
    // What it reads went with it, and its output has not begun to come: it may run again.
    queue.accept(completion, promised, entry.received === 0);
  }

  #failLocally(id: number, status: number): void {
    this.#complete(id, { status, ran: 'yes' });
    this.#tellListeners();
  }

  /** Completions have gone to their queues already. */
  reap(): number {
    this.#flush();
    return 0;
  }

  wait(): never {
    return this.checkBlocking();
  }

  checkBlocking(): never {
    throw new WarpError('UNSUPPORTED', {
      operation: 'wait for completions',
      found: 'a stream is read by the event loop, which can not run while the thread waits',
      hint: 'use submit(), or recv() between turns of the event loop',
    });
  }

  listen(queue: Queue): void {
    this.#listeners.add(queue);
  }

  ignore(queue: Queue): void {
    this.#listeners.delete(queue);
  }

  #tellListeners(): void {
    for (const queue of this.#listeners) queue.afterTurn();
  }

  #finish(reason: ErrorCode): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#call.cancel();
    for (const [id, { isWritten }] of this.#entries)
      this.#complete(id, { status: errorNumber('INTERRUPTED'), ran: isWritten ? 'maybe' : 'no' });
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    this.#onEnded(reason);
    for (const queue of listeners) queue.afterTurn();
  }

  /** The daemon knows the channel no more. */
  checkEnded(): void {
    this.#finish('ENGINE_LOST');
  }

  close(): void {
    this.#finish('CLIENT_CLOSED');
  }
}

const ranNames: Readonly<Record<number, Completion['ran']>> = { [RAN.no]: 'no', [RAN.maybe]: 'maybe' };

function inputOf(data: Buffer | undefined): Input | null {
  return data === undefined ? null : { data };
}

/** The bytes that a range names; undefined for an empty one. */
function bytesOf(range: Range | undefined): Buffer | 'out of range' | undefined {
  if (range === undefined) return undefined;
  // Programs in JavaScript have no compiler to tell them.
  const region = range.region as Range['region'] | undefined;
  if (region === undefined) throw rangeWithoutRegion();
  region.checkUsable();
  const { offset, bytes } = range;
  if (bytes === 0) return undefined;
  if (!(offset >= 0 && bytes > 0 && offset + bytes <= region.bytes)) return 'out of range';
  return region.buffer.subarray(offset, offset + bytes);
}
