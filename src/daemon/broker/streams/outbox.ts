// What goes back on the stream of an Exchange call: completions from the channel's ring, with the outputs of their requests,
// and those of requests that never got a slot. Long outputs are cut into messages. While the stream is full nothing is reaped.

import type { ServerDuplexStream } from '@grpc/grpc-js';
import { present } from '../../../shared/assert.ts';
import {
  C_DEVICE_NANOS,
  C_PRODUCED,
  C_RESULT,
  C_SLOT,
  C_STATUS,
  RAN_NO,
} from '../../../shared/channel/layout.ts';
import { errorCode, errorNumber } from '../../../shared/errors.ts';
import {
  encodeExchangeResponse,
  type ExchangeResponse,
  RAN,
  type WireCompletion,
} from '../../../shared/exchange.ts';
import type { HeldChannel } from './held-channel.ts';
import { type Pending, resultTag } from './requests.ts';

/** Completions in one turn. */
const PUMP_MAX = 256;
/** A message is sent when it has so many bytes of output. */
const MESSAGE_BYTES = 64 * 1024;

const CANCELLED = errorNumber('CANCELLED');
const INTERRUPTED = errorNumber('INTERRUPTED');

/** The requests that completions are of. */
interface Requests {
  /** The one in a slot, which is free from then on. */
  take(slot: number): Pending;
  /** Its output was sent. */
  sent(pending: Pending): void;
}

/** An output that takes several messages. */
interface Sending {
  readonly pending: Pending;
  readonly completion: WireCompletion;
  readonly bytes: number;
  sent: number;
}

export class Outbox {
  readonly #call: ServerDuplexStream<Buffer, Buffer>;
  readonly #channel: HeldChannel;
  readonly #completionsMax: number;
  readonly #requests: Requests;
  /** Completions of requests that got no slot. */
  readonly #added: WireCompletion[] = [];
  #sending: Sending | undefined = undefined;
  #isFull = false;

  /** `completionsPerMessage`: 0 for as many as there are. */
  constructor(
    call: ServerDuplexStream<Buffer, Buffer>,
    channel: HeldChannel,
    completionsPerMessage: number,
    requests: Requests,
  ) {
    this.#call = call;
    this.#channel = channel;
    this.#completionsMax = completionsPerMessage === 0 ? PUMP_MAX : completionsPerMessage;
    this.#requests = requests;
  }

  /** The stream takes nothing more at the moment. */
  get isFull(): boolean {
    return this.#isFull;
  }

  drained(): void {
    this.#isFull = false;
  }

  /** Nothing is to be sent but what is in the channel. */
  get isEmpty(): boolean {
    return this.#added.length === 0 && this.#sending === undefined;
  }

  /** Whether requests may still come that could be refused. */
  get hasRoom(): boolean {
    return this.#added.length < PUMP_MAX;
  }

  /** To be sent with the next ones. */
  add(completion: WireCompletion): void {
    this.#added.push(completion);
  }

  /** Sends completions, up to a bound and while the stream takes them; false if there was nothing to send. */
  pump(): boolean {
    const { end } = this.#channel;
    let completions: WireCompletion[] = [];
    let bytes = 0;
    let taken = 0;
    const send = (): void => {
      if (completions.length === 0) return;
      this.write({ completions });
      completions = [];
      bytes = 0;
    };
    const add = (completion: WireCompletion): void => {
      completions.push(completion);
      bytes += completion.data?.length ?? 0;
      taken += 1;
      if (bytes >= MESSAGE_BYTES || completions.length >= this.#completionsMax) send();
    };
    while (taken < PUMP_MAX && !this.#isFull) {
      if (this.#sending !== undefined) {
        const last = this.#sendPart(this.#sending);
        if (last !== undefined) add(last);
        taken += 1;
      } else if (this.#added.length > 0) {
        add(this.#added.shift() as WireCompletion);
      } else {
        const word = end.peek();
        if (word === -1) break;
        const completion = this.#reap(word);
        if (completion !== undefined) add(completion);
        else send();
      }
    }
    send();
    if (taken > 0) end.publishReaped();
    return taken > 0;
  }

  /** Takes a completion from the ring; undefined if its output takes messages of its own, which come first. */
  #reap(word: number): WireCompletion | undefined {
    const { words, end } = this.#channel;
    const slot = words[word + C_SLOT] as number;
    const pending = this.#requests.take(slot);
    const status = words[word + C_STATUS] as number;
    const result = (words[word + C_RESULT] as number) >>> 0;
    const produced = words[word + C_PRODUCED] as number;
    const tag = resultTag(this.#channel, pending);
    const completion: WireCompletion = {
      id: pending.id,
      produced,
      result,
      deviceNanos: (words[word + C_DEVICE_NANOS] as number) >>> 0,
      ...(tag === undefined ? {} : { tag }),
      ...(status === 0 ? {} : { status, code: errorCode(status), ran: ranOf(status, result) }),
    };
    end.reap(slot);
    const bytes = status === 0 ? Math.min(produced, pending.output.bytes) : 0;
    if (bytes > MESSAGE_BYTES) {
      this.#sending = { pending, completion, bytes, sent: 0 };
      return undefined;
    }
    const data = bytes === 0 ? undefined : Buffer.from(outputOf(pending, 0, bytes));
    this.#requests.sent(pending);
    return data === undefined ? completion : { ...completion, data };
  }

  /** Sends the next piece of a long output; returns the completion with the last one. */
  #sendPart(sending: Sending): WireCompletion | undefined {
    const { pending, completion, bytes, sent } = sending;
    const next = Math.min(sent + MESSAGE_BYTES, bytes);
    if (next < bytes) {
      this.write({ parts: [{ id: pending.id, data: outputOf(pending, sent, next) }] });
      sending.sent = next;
      return undefined;
    }
    const data = Buffer.from(outputOf(pending, sent, next));
    this.#sending = undefined;
    this.#requests.sent(pending);
    return { ...completion, data };
  }

  write(message: ExchangeResponse): void {
    if (!this.#call.write(encodeExchangeResponse(message))) this.#isFull = true;
  }
}

function ranOf(status: number, result: number): number {
  if (status === CANCELLED) return RAN.no;
  if (status !== INTERRUPTED) return RAN.unspecified;
  return result === RAN_NO ? RAN.no : RAN.maybe;
}

function outputOf({ lease, output }: Pending, from: number, to: number): Buffer {
  const { memory, offset } = present(lease, 'the memory of a request with output');
  return memory.subarray(offset + output.at + from, offset + output.at + to);
}
