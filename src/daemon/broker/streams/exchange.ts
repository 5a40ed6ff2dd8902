// One Exchange call: requests from the stream into the slots of a channel that the broker holds; completions come back by
// the outbox.
//
//   message --> backlog --(payload memory, slot)--> channel --> engine
//                                                      |
//   message <-- outbox <--- completion ring <----------+
//
// Flow control: while something waits in the backlog no message is read, and while the stream is full no completion is
// reaped. So a client that doesn't read fills its slots, then the backlog, then its own connection, and nothing else.
// Work per turn of the event loop is bounded by the slots on one side and by the outbox on the other.

import type { ServerDuplexStream } from '@grpc/grpc-js';
import { W_SUBMISSION_HEAD } from '../../../shared/channel/layout.ts';
import { present } from '../../../shared/assert.ts';
import { asWarpError, errorCode, type ErrorCode, errorNumber, WarpError } from '../../../shared/errors.ts';
import {
  decodeExchangeRequest,
  RAN,
  type ReceivedExchangeRequest,
  type ReceivedRequest,
} from '../../../shared/exchange.ts';
import { toServiceError } from '../../../shared/grpc.ts';
import type { HeldChannel } from './held-channel.ts';
import { Outbox } from './outbox.ts';
import { Spin } from './spin.ts';
import { PayloadMemory, type PayloadRegion } from './payload-memory.ts';
import {
  flagCancelled,
  isWhole,
  type Pending,
  pendingOf,
  receiveInline,
  receivePiece,
  whyRefused,
  writeSlot,
} from './requests.ts';

const TIMER_MILLIS_MAX = 2 ** 31 - 1;

const INTERRUPTED = errorNumber('INTERRUPTED');

/** What the call needs of the rest of the broker, for the channel that it names. */
export interface ExchangeHost {
  readonly channel: HeldChannel;
  readonly requestBytesMax: number;
  makePayloads(bytes: number): Promise<PayloadRegion>;
  /** Tells the engine of requests that are given up. */
  cancel(requests: readonly { readonly slot: number; readonly cookie: number }[]): void;
  /** Something was refused: memory for payloads, or the rest of the call. */
  noteFailure(error: WarpError): void;
}

type Call = ServerDuplexStream<Buffer, Buffer>;

/** Serves a call. `open`: the channel of that number; throws if it isn't the caller's. */
export function serveExchange(call: Call, open: (channel: number) => ExchangeHost): void {
  let exchange: Exchange | undefined;
  let hasFailed = false;
  call.on('data', (bytes: Buffer) => {
    if (hasFailed) return;
    try {
      const message = decode(bytes);
      exchange ??= new Exchange(call, open(Number(message.channel)), message.completionsPerMessage);
      exchange.receive(message);
    } catch (error) {
      hasFailed = true;
      const failure = asWarpError(error, 'exchange');
      if (exchange === undefined) call.emit('error', toServiceError(failure));
      else exchange.finish(failure);
    }
  });
  call.once('end', () => {
    if (exchange === undefined) call.end();
    else exchange.halfClose();
  });
  call.once('cancelled', () => exchange?.finish());
}

function decode(bytes: Buffer): ReceivedExchangeRequest {
  try {
    return decodeExchangeRequest(bytes);
  } catch (cause) {
    throw invalid(`a message can't be decoded: ${(cause as Error).message}`);
  }
}

function invalid(found: string): WarpError {
  const hint = 'see the messages of Exchange in warpdrive.proto';
  return new WarpError('INVALID_ARGUMENT', { operation: 'exchange', found, hint });
}

class Exchange {
  readonly #call: Call;
  readonly #host: ExchangeHost;
  readonly #channel: HeldChannel;
  readonly #payloads: PayloadMemory;
  readonly #outbox: Outbox;
  readonly #byId = new Map<number, Pending>();
  readonly #bySlot: (Pending | undefined)[] = [];
  /** Without a slot, in order. */
  readonly #backlog: Pending[] = [];
  /** The last of the backlog, while pieces of it are still to come. */
  #incomplete: Pending | undefined = undefined;
  /** Its pieces are dropped: it was refused or given up. */
  #ignoredId: number | undefined = undefined;
  #inSlots = 0;
  /** Some of those in slots have yet to be shown to the engine. */
  #isHiding = false;
  #nextCookie = 1;
  #isHalfClosed = false;
  #isTurnScheduled = false;
  readonly #spin = new Spin();
  #isOver = false;

  constructor(call: Call, host: ExchangeHost, completionsPerMessage: number) {
    this.#call = call;
    this.#host = host;
    this.#channel = host.channel;
    this.#outbox = new Outbox(call, host.channel, completionsPerMessage, {
      take: (slot) => this.#takeFromSlot(slot),
      sent: (pending) => this.#forget(pending),
    });
    this.#payloads = new PayloadMemory(
      (bytes) => this.#makePayloads(bytes),
      () => this.#advance(),
    );
    const isFree = host.channel.use({ onRing: () => this.#schedule(), onEnded: () => this.#channelEnded() });
    if (!isFree) {
      const found = 'the channel has an Exchange call already';
      throw new WarpError('RELEASED', {
        operation: 'exchange',
        found,
        hint: 'use one call for each channel',
      });
    }
    call.on('drain', () => {
      this.#outbox.drained();
      this.#schedule();
    });
  }

  async #makePayloads(bytes: number): Promise<PayloadRegion> {
    try {
      return await this.#host.makePayloads(bytes);
    } catch (error) {
      this.#host.noteFailure(asWarpError(error, 'exchange'));
      throw error;
    }
  }

  /** Takes a message. Throws INVALID_ARGUMENT. */
  receive(message: ReceivedExchangeRequest): void {
    if (this.#isOver) return;
    for (const request of message.requests) this.#admit(request);
    for (const part of message.parts) this.#receivePart(part.id, part.data);
    if (message.cancel.length > 0) this.#cancel(message.cancel);
    this.#advance();
  }

  #admit(request: ReceivedRequest): void {
    if (this.#incomplete !== undefined)
      throw invalid(`request ${request.id} comes before the last part of request ${this.#incomplete.id}`);
    this.#ignoredId = undefined;
    if (this.#byId.has(request.id)) return this.#refuse(request.id, 'SLOT_BUSY');
    this.#nextCookie = (this.#nextCookie + 1) | 0;
    const pending = pendingOf(request, this.#nextCookie);
    if (typeof pending === 'string') throw invalid(`request ${request.id}: ${pending}`);
    const code = whyRefused(pending, this.#host.requestBytesMax);
    if (code !== undefined) {
      this.#ignoredId = pending.id;
      return this.#refuse(pending.id, code);
    }
    this.#byId.set(pending.id, pending);
    this.#backlog.push(pending);
    if (isLacking(pending)) this.#incomplete = pending;
    const { timeoutMillis } = request;
    if (timeoutMillis > 0) {
      const giveUp = (): void => {
        this.#cancel([pending.id]);
        this.#advance();
      };
      pending.timer = setTimeout(giveUp, Math.min(timeoutMillis, TIMER_MILLIS_MAX));
    }
  }

  #receivePart(id: number, data: Uint8Array): void {
    const pending = this.#incomplete;
    if (id === this.#ignoredId) return;
    if (pending?.id !== id || data.length === 0) throw invalid(`a part of request ${id}, which needs none`);
    if (pending.lease === undefined) pending.early.push(data);
    else this.#place(pending, data);
  }

  #place(pending: Pending, data: Uint8Array): void {
    const lease = present(pending.lease, 'the memory of an incomplete request');
    if (!receivePiece(pending, lease, data)) throw invalid(`more than request ${pending.id} has announced`);
    if (pending === this.#incomplete && isWhole(pending)) this.#incomplete = undefined;
  }

  /** Submits what can be, sends what can be sent, and says whether more may come. */
  #advance(): void {
    if (this.#isOver) return;
    const isFirst = this.#inSlots === 0;
    try {
      while (this.#backlog.length > 0 && this.#start(this.#backlog[0] as Pending)) this.#backlog.shift();
    } catch (error) {
      return this.finish(asWarpError(error, 'exchange'));
    }
    if (this.#inSlots > 0 || !this.#outbox.isEmpty) {
      // What follows others is shown with all that comes in this turn of the event loop.
      if (isFirst) this.#show();
      this.#schedule();
    }
    const [first] = this.#backlog;
    const awaitsParts = first !== undefined && first === this.#incomplete && first.lease !== undefined;
    const mayRead = (first === undefined || awaitsParts) && this.#outbox.hasRoom;
    if (mayRead && this.#call.isPaused()) this.#call.resume();
    else if (!mayRead && !this.#call.isPaused()) this.#call.pause();
    this.#endIfDone();
  }

  /** False if it has to wait. */
  #start(pending: Pending): boolean {
    if (pending.lease === undefined && pending.leaseBytes > 0) {
      try {
        pending.lease = this.#payloads.take(pending.leaseBytes);
      } catch (error) {
        this.#ignoreParts(pending);
        this.#forget(pending);
        this.#refuse(pending.id, asWarpError(error, 'exchange').code, RAN.no);
        return true;
      }
      if (pending.lease === undefined) return false;
      receiveInline(pending, pending.lease);
      for (const piece of pending.early.splice(0)) this.#place(pending, piece);
    }
    if (pending === this.#incomplete) return false;
    const slot = this.#channel.end.takeSlot();
    if (slot === -1) return false;
    writeSlot(this.#channel, pending, slot);
    pending.slot = slot;
    this.#bySlot[slot] = pending;
    this.#inSlots += 1;
    this.#channel.end.push(slot);
    this.#isHiding = true;
    return true;
  }

  /** Shows the engine what was submitted, and rings it if it sleeps. */
  #show(): void {
    if (!this.#isHiding) return;
    this.#isHiding = false;
    if (this.#channel.end.publish()) this.#channel.ring();
  }

  #cancel(ids: readonly number[]): void {
    const submitted: { slot: number; cookie: number }[] = [];
    for (const id of ids) {
      const pending = this.#byId.get(id);
      if (pending === undefined) continue;
      const waitsAt = this.#backlog.indexOf(pending);
      if (waitsAt !== -1) {
        this.#backlog.splice(waitsAt, 1);
        this.#ignoreParts(pending);
        this.#forget(pending);
        this.#refuse(id, 'CANCELLED', RAN.no);
      } else if (this.#bySlot[pending.slot] === pending) {
        flagCancelled(this.#channel, pending.slot);
        submitted.push({ slot: pending.slot, cookie: pending.cookie });
      }
    }
    if (submitted.length > 0) this.#host.cancel(submitted);
  }

  #ignoreParts(pending: Pending): void {
    if (this.#incomplete !== pending) return;
    this.#incomplete = undefined;
    this.#ignoredId = pending.id;
  }

  /** Completes a request that got no slot. */
  #refuse(id: number, code: ErrorCode, ran: number = RAN.unspecified): void {
    this.#outbox.add({ id, status: errorNumber(code), code, ran });
  }

  #takeFromSlot(slot: number): Pending {
    const pending = present(this.#bySlot[slot], 'the request of a completion');
    this.#bySlot[slot] = undefined;
    this.#inSlots -= 1;
    return pending;
  }

  /** Its number and its memory are free again. */
  #forget(pending: Pending): void {
    this.#byId.delete(pending.id);
    clearTimeout(pending.timer);
    pending.lease?.release();
  }

  #schedule(): void {
    this.#spin.begin(performance.now());
    this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#isTurnScheduled || this.#isOver) return;
    this.#isTurnScheduled = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#isTurnScheduled = false;
    if (this.#isOver) return;
    this.#show();
    const sent = this.#outbox.pump();
    if (sent) this.#advance();
    if (this.#isOver || this.#outbox.isFull || (this.#inSlots === 0 && !sent)) return;
    if (sent) this.#spin.begin(performance.now());
    else if (this.#spin.isOver(performance.now()) && this.#channel.end.prepareSleep())
      return this.#spin.sleep();
    // Its last word is on the doorbell, which says so too.
    if (this.#channel.end.closedReason === 0 || sent) this.#scheduleTurn();
  };

  halfClose(): void {
    if (this.#isOver) return;
    this.#isHalfClosed = true;
    if (this.#incomplete === undefined) this.#endIfDone();
    else
      this.finish(invalid(`the call was half-closed before the last part of request ${this.#incomplete.id}`));
  }

  #endIfDone(): void {
    const isDone = this.#byId.size === 0 && this.#outbox.isEmpty;
    if (this.#isHalfClosed && isDone && !this.#isOver) this.finish();
  }

  /** The engine has ended the channel: what has not completed gets a code, then the call ends with the reason. */
  #channelEnded(): void {
    if (this.#isOver) return;
    this.#outbox.pump();
    const { end, words } = this.#channel;
    const reason = end.closedReason;
    const notTaken = end.slotsAfter(Atomics.load(words, W_SUBMISSION_HEAD));
    const code = 'INTERRUPTED';
    const completions = [...this.#byId.values()].map(({ id, slot }) => {
      const ran = slot === -1 || notTaken.has(slot) ? RAN.no : RAN.maybe;
      return { id, status: INTERRUPTED, code, ran };
    });
    if (completions.length > 0) this.#outbox.write({ completions });
    this.finish(new WarpError(reason === 0 ? 'ENGINE_LOST' : errorCode(reason), { operation: 'exchange' }));
  }

  /** The call is over, and the channel with it. */
  finish(error?: WarpError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const { timer } of this.#byId.values()) clearTimeout(timer);
    this.#payloads.close();
    this.#channel.close();
    if (error === undefined) {
      this.#call.end();
    } else {
      this.#host.noteFailure(error);
      this.#call.emit('error', toServiceError(error));
    }
    this.#call.resume();
  }
}

function isLacking({ request, source, auxiliary }: Pending): boolean {
  const came = (request.source?.data.length ?? 0) + (request.auxiliary?.data.length ?? 0);
  return came < source.bytes + auxiliary.bytes;
}
