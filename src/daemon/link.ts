// How the daemon's processes talk: typed calls in both directions over a Unix socket, file descriptors beside them
// over a second one.
//
//     control socket   one JSON object a line; read by the event loop
//     fds socket       one message for each call or answer with descriptors, sent before the line that announces
//                      it; read by recvmsg only, since the event loop's own read drops descriptors. The reader says
//                      when it has taken one, so that its peer knows that there is room for the next
//
// How two processes come to have such a pair of sockets is in link-sockets.ts. A contract (contracts.ts) says which
// calls there are, what they carry and how many descriptors; what doesn't fit ends the link.

import type { Socket } from 'node:net';
import type { z } from 'zod';
import { assert } from '../shared/assert.ts';
import { asWarpError, isErrorCode, WarpError } from '../shared/errors.ts';
import { isPeerGone } from '../sys/errno.ts';
import { closeAll, type Descriptor, type Fd } from '../sys/fd.ts';
import { peerCredentials, receiveWithFds, sendWithFds } from '../sys/socket.ts';
import { socketNumber } from '../sys/stream.ts';

interface CallContract {
  readonly request: z.ZodType;
  readonly reply: z.ZodType;
  /** Descriptors that come with the request: so many, or one for each of its `handles`. */
  readonly fds: number | 'handles';
  /** Descriptors that come with the answer; see `callForFds`. */
  readonly replyFds?: number;
  /** More of them may come than that, by what the answer says. */
  readonly replyFdsMax?: number;
  /** The answer may take as long as a request takes on a device, or longer: it is waited for while there is a peer. */
  readonly isPatient?: boolean;
}
export type Contract = Readonly<Record<string, CallContract>>;

/** An answer with the descriptors that go with it. */
export interface WithFds<Reply> {
  readonly reply: Reply;
  readonly fds: readonly Fd[];
}

type Answer<Call extends CallContract> = Call extends { readonly replyFds: number }
  ? WithFds<z.infer<Call['reply']>>
  : z.infer<Call['reply']>;

/** What serves one side's contract. The handler owns the descriptors that it is given; the link those of the answer. */
export type Handlers<C extends Contract> = {
  readonly [Name in keyof C]: (
    request: z.infer<C[Name]['request']>,
    fds: readonly Fd[],
  ) => Answer<C[Name]> | Promise<Answer<C[Name]>>;
};

/** The calls of a contract whose answers bring descriptors. */
type FdCall<C extends Contract> = {
  [Name in keyof C]: C[Name] extends { readonly replyFds: number } ? Name : never;
}[keyof C] &
  string;

/** A line longer than this ends the link, bytes. */
const LINE_BYTES_MAX = 16 * 1024 * 1024;
/** Messages that may be in the fds socket: so many always fit. */
const FD_MESSAGES_MAX = 64;
const CALL_MILLIS_MAX = 30_000;

type Frame =
  | { readonly call: string; readonly id: number; readonly request: unknown }
  | { readonly answer: number; readonly reply: unknown; readonly fds?: number }
  | {
      readonly answer: number;
      readonly error: { code: string; operation: string; found: string; hint: string };
    }
  | { readonly taken: 'fds' };

interface PendingCall {
  readonly name: string;
  readonly send: () => void;
  /** Runs from the call on: a call may also wait at the gate for no longer. */
  readonly timer: NodeJS.Timeout | undefined;
  readonly resolve: (answer: WithFds<unknown>) => void;
  readonly reject: (error: WarpError) => void;
}

/** Lets so many messages be under way that one more always fits; the others wait, first come, first served. */
class Gate {
  #count = 0;
  #isOpen = false;
  readonly #waiting = new Set<() => void>();

  /** Sends a message once there is room for it. */
  pass(send: () => void): void {
    if (this.#count === FD_MESSAGES_MAX && !this.#isOpen) {
      this.#waiting.add(send);
    } else {
      this.#count += 1;
      send();
    }
  }

  /** It is not to be sent any more. */
  abandon(send: () => void): void {
    this.#waiting.delete(send);
  }

  /** A message was taken, or could not be sent. */
  leave(): void {
    assert(this.#count > 0, 'descriptors are taken once');
    this.#count -= 1;
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    this.pass(next);
  }

  /** The link is over, so that nobody makes room any more: who waits is to see that, and who comes. */
  open(): void {
    this.#isOpen = true;
    for (const send of this.#waiting) send();
    this.#waiting.clear();
  }
}

/** The two connected sockets of a link, which owns them. */
export interface LinkSockets {
  readonly control: Socket;
  readonly fds: { readonly number: number; close(): void };
}

export class Link<Serves extends Contract, Calls extends Contract> {
  readonly peerName: string;
  readonly #control: Socket;
  readonly #fds: LinkSockets['fds'];
  readonly #serves: Serves;
  readonly #calls: Calls;
  readonly #handlers: Handlers<Serves>;
  readonly #pending = new Map<number, PendingCall>();
  /** Of the fds socket. */
  readonly #gate = new Gate();
  #nextId = 1;
  #received = '';
  #isOpen = true;
  /** Called once, when the link has ended for whatever reason. */
  onClose: (reason: string) => void = () => {};

  constructor(
    peerName: string,
    sockets: LinkSockets,
    contracts: { readonly serves: Serves; readonly calls: Calls },
    handlers: Handlers<Serves>,
  ) {
    this.peerName = peerName;
    this.#control = sockets.control;
    this.#fds = sockets.fds;
    this.#serves = contracts.serves;
    this.#calls = contracts.calls;
    this.#handlers = handlers;
    this.#control.setEncoding('utf8');
    this.#control.on('data', (text: string) => this.#receive(text));
    this.#control.on('error', (error) => this.close(error.message));
    this.#control.on('close', () => this.close('the peer has closed'));
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The process at the other end, while the link is open. */
  get peerPid(): number {
    return peerCredentials(socketNumber(this.#control)).pid;
  }

  /** Calls the peer. The descriptors stay the caller's; they are copied. Rejects with what the peer threw. */
  async call<Name extends keyof Calls & string>(
    name: Name,
    request: z.infer<Calls[Name]['request']>,
    fds: readonly Descriptor[] = [],
  ): Promise<z.infer<Calls[Name]['reply']>> {
    const { reply } = await this.#call(name, request, fds);
    return reply as z.infer<Calls[Name]['reply']>;
  }

  /** The same for a call whose answer brings descriptors, which are then the caller's. */
  async callForFds<Name extends FdCall<Calls>>(
    name: Name,
    request: z.infer<Calls[Name]['request']>,
    fds: readonly Descriptor[] = [],
  ): Promise<WithFds<z.infer<Calls[Name]['reply']>>> {
    return (await this.#call(name, request, fds)) as WithFds<z.infer<Calls[Name]['reply']>>;
  }

  #call(name: string, request: unknown, fds: readonly Descriptor[]): Promise<WithFds<unknown>> {
    const contract = this.#calls[name] as CallContract;
    const count = descriptorCount(contract, request);
    assert(fds.length === count, `${name} carries ${count} descriptors`);
    if (!this.#isOpen) return Promise.reject(this.#lost(name));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const frame = { call: name, id, request };
      const send = (): void => {
        try {
          if (count > 0) this.#sendFds(fds);
          this.#write(frame);
        } catch (error) {
          this.#settle(id)?.reject(asWarpError(error, this.#describe(name)));
        }
      };
      const onLate = (): void => {
        const found = `no answer within ${CALL_MILLIS_MAX} ms`;
        this.#settle(id)?.reject(
          new WarpError('DEADLINE_EXCEEDED', { operation: this.#describe(name), found }),
        );
      };
      const timer = contract.isPatient === true ? undefined : setTimeout(onLate, CALL_MILLIS_MAX);
      this.#pending.set(id, { name, send, timer, resolve, reject });
      if (count > 0) this.#gate.pass(send);
      else send();
    });
  }

  /** To be called at the gate. */
  #sendFds(fds: readonly Descriptor[]): void {
    try {
      const isSent = sendWithFds(this.#fds.number, Buffer.of(fds.length), fds);
      assert(isSent, 'the fds socket has room for all messages that may be under way');
    } catch (error) {
      // The control socket has yet to say so.
      if (isPeerGone(error)) this.close('the peer is gone');
      else this.#gate.leave();
      throw error;
    }
  }

  close(reason: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#control.destroy();
    this.#fds.close();
    for (const id of this.#pending.keys()) {
      const call = this.#settle(id);
      call?.reject(this.#lost(call.name));
    }
    this.#gate.open();
    this.onClose(reason);
  }

  #lost(name: string): WarpError {
    return new WarpError('ENGINE_UNAVAILABLE', {
      operation: this.#describe(name),
      found: `the ${this.peerName} is gone`,
    });
  }

  #describe(name: string): string {
    return `ask the ${this.peerName} to ${name}`;
  }

  #write(frame: Frame): void {
    if (this.#isOpen) this.#control.write(`${JSON.stringify(frame)}\n`);
  }

  #settle(id: number): PendingCall | undefined {
    const call = this.#pending.get(id);
    if (call === undefined) return undefined;
    this.#pending.delete(id);
    this.#gate.abandon(call.send);
    clearTimeout(call.timer);
    return call;
  }

  #receive(text: string): void {
    this.#received += text;
    if (this.#received.length > LINE_BYTES_MAX) return this.close('a line is too long');
    const lines = this.#received.split('\n');
    this.#received = lines.pop() ?? '';
    for (const line of lines) {
      if (!this.#isOpen) return;
      try {
        this.#obey(JSON.parse(line) as Frame);
      } catch (error) {
        return this.close(`the peer broke the contract: ${(error as Error).message}`);
      }
    }
  }

  #obey(frame: Frame): void {
    if ('call' in frame) {
      this.#serve(frame.call, frame.id, frame.request).catch((error: unknown) => {
        this.close(`the peer broke the contract: ${(error as Error).message}`);
      });
      return;
    }
    if ('taken' in frame) {
      this.#gate.leave();
      return;
    }
    assert('answer' in frame, 'a frame is a call, an answer, or says that descriptors were taken');
    if ('error' in frame) {
      const { code, ...details } = frame.error;
      this.#settle(frame.answer)?.reject(new WarpError(isErrorCode(code) ? code : 'INTERNAL', details));
      return;
    }
    this.#takeAnswer(frame);
  }

  #takeAnswer({ answer, reply: unchecked, fds: count = 0 }: Extract<Frame, { reply: unknown }>): void {
    const call = this.#settle(answer);
    let fds: readonly Fd[] = [];
    try {
      // Also for a call that is given up: the next descriptors are another's.
      if (count > 0) fds = this.#takeFds(`answer ${answer}`, count);
    } catch (error) {
      call?.reject(asWarpError(error, this.#describe(call.name)));
      return;
    }
    if (call === undefined) {
      closeAll(fds);
      return;
    }
    const contract = this.#calls[call.name] as CallContract;
    const reply = contract.reply.safeParse(unchecked);
    const { replyFds = 0, replyFdsMax = replyFds } = contract;
    if (reply.success && count >= replyFds && count <= replyFdsMax) {
      call.resolve({ reply: reply.data, fds });
      return;
    }
    closeAll(fds);
    call.reject(this.#lost(call.name));
    throw reply.error ?? new Error(`the answer came with ${count} descriptors`);
  }

  async #serve(name: string, id: number, unchecked: unknown): Promise<void> {
    const contract = this.#serves[name];
    assert(contract !== undefined, `"${name}" is a call of the contract`);
    const request = contract.request.parse(unchecked);
    let fds: readonly Fd[] = [];
    try {
      // Out of descriptor numbers: the message is consumed, and this call fails, not the link.
      const count = descriptorCount(contract, request);
      if (count > 0) fds = this.#takeFds(name, count);
      const reply = await (this.#handlers[name] as (request: unknown, fds: readonly Fd[]) => unknown)(
        request,
        fds,
      );
      if (contract.replyFds === undefined) this.#write({ answer: id, reply: reply ?? {} });
      else this.#giveAnswer(name, id, reply as WithFds<unknown>);
    } catch (error) {
      // What the handler has not handed on by then is nobody's.
      closeAll(fds);
      this.#refuse(name, id, error);
    }
  }

  #giveAnswer(name: string, answer: number, { reply, fds }: WithFds<unknown>): void {
    this.#gate.pass(() => {
      try {
        if (!this.#isOpen) return;
        this.#sendFds(fds);
        this.#write({ answer, reply, fds: fds.length });
      } catch (error) {
        this.#refuse(name, answer, error);
      } finally {
        closeAll(fds);
      }
    });
  }

  #refuse(name: string, answer: number, cause: unknown): void {
    const { code, operation, found, hint } = asWarpError(cause, this.#describe(name));
    this.#write({ answer, error: { code, operation, found, hint } });
  }

  #takeFds(name: string, count: number): readonly Fd[] {
    const received = this.#receiveFds(name);
    if (received === 'empty' || received === 'end') {
      this.close(`the descriptors of "${name}" did not come before it`);
      throw this.#lost(name);
    }
    if (received.fds.length !== count) closeAll(received.fds);
    assert(received.fds.length === count, `"${name}" came with its ${count} descriptors`);
    return received.fds;
  }

  #receiveFds(name: string): ReturnType<typeof receiveWithFds> {
    try {
      // One byte is the message, with all descriptors of one call.
      return receiveWithFds(this.#fds.number, name, 1);
    } finally {
      // Also where there are no descriptor numbers left: the message is consumed.
      this.#write({ taken: 'fds' });
    }
  }
}

function descriptorCount({ fds }: CallContract, request: unknown): number {
  return fds === 'handles' ? (request as { handles: readonly number[] }).handles.length : fds;
}
