// The calls that concern one channel. A broker that was started again while one was under way may or may not have
// carried it out: then the control view is taken up anew, what nobody knows of is released, and the call is repeated.

import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorCode, WarpError } from '../shared/errors.ts';
import type { BrokerMethod, RequestTo, ResponseFrom } from '../shared/grpc.ts';
import type { Control } from './control.ts';

const FIRST_PAUSE_MILLIS = 10;
const LONGEST_PAUSE_MILLIS = 250;

/** What a call fails with while processes of the daemon are being started again. */
const passing: ReadonlySet<ErrorCode> = new Set([
  'NO_DAEMON',
  'ENGINE_UNAVAILABLE',
  'NOT_RESUMED',
  'TOKEN_REFUSED',
]);

/** The calls that name a channel. */
type ChannelMethod = Exclude<
  BrokerMethod,
  'ListDevices' | 'GetStatus' | 'ListQueues' | 'OpenChannel' | 'ResumeChannel'
>;

/** Numbers of what the program has been lent. */
export interface Known {
  readonly queues: ReadonlySet<number>;
  readonly sessions: ReadonlySet<number>;
  readonly regions: ReadonlySet<number>;
}

/** Repeats what fails for a reason that passes, with pauses, until `limitMillis` are over. */
export async function repeat<Result>(
  {
    limitMillis,
    pauseMillisMax = LONGEST_PAUSE_MILLIS,
  }: { readonly limitMillis: number; readonly pauseMillisMax?: number },
  attempt: () => Promise<Result>,
  isPassing: (error: WarpError) => boolean,
): Promise<Result> {
  const endMillis = performance.now() + limitMillis;
  for (let pauseMillis = FIRST_PAUSE_MILLIS; ; pauseMillis = Math.min(pauseMillis * 2, pauseMillisMax)) {
    try {
      return await attempt();
    } catch (error) {
      const isOver = performance.now() + pauseMillis > endMillis;
      if (isOver || !(error instanceof WarpError) || !isPassing(error)) throw error;
    }
    // Many clients lose the same daemon at once: they come back at different moments.
    await sleep(pauseMillis * (0.5 + Math.random()));
  }
}

export class ChannelControl {
  readonly channel: number;
  readonly #control: Control;
  readonly #resumeSecret: Buffer;
  readonly #known: () => Known | undefined;
  #resuming: Promise<void> | undefined = undefined;

  /** `known`: what the program has of the channel at the moment; undefined while it is being set up. */
  constructor(
    control: Control,
    { channel, resumeSecret }: { readonly channel: number; readonly resumeSecret: Buffer },
    known: () => Known | undefined,
  ) {
    this.#control = control;
    this.channel = channel;
    this.#resumeSecret = resumeSecret;
    this.#known = known;
  }

  /** Calls, and repeats the call while the daemon is being started again. */
  call<Name extends ChannelMethod>(
    name: Name,
    request: Omit<RequestTo<Name>, 'channel'>,
    operation: string,
    patienceMillis = 0,
  ): Promise<ResponseFrom<Name>> {
    const named = { channel: this.channel, ...request } as RequestTo<Name>;
    return this.repeat(async () => {
      try {
        await this.#resuming;
        return await this.#control.call(name, named, operation, patienceMillis);
      } catch (error) {
        if (error instanceof WarpError && error.code === 'NOT_RESUMED') await this.#resume();
        throw error;
      }
    });
  }

  /** Repeats what fails while the daemon is being started again. */
  repeat<Result>(attempt: () => Promise<Result>): Promise<Result> {
    const limits = { limitMillis: this.#control.timeoutMillis };
    return repeat(limits, attempt, (error) => isPassing(error, this.#control));
  }

  /** The same for a call that gives something back, where its absence is success. */
  async release<Name extends ChannelMethod>(
    name: Name,
    request: Omit<RequestTo<Name>, 'channel'>,
    operation: string,
  ): Promise<void> {
    try {
      await this.call(name, request, operation);
    } catch (error) {
      const isGone = error instanceof WarpError && error.code.startsWith('NO_SUCH_');
      if (!isGone) throw error;
    }
  }

  #resume(): Promise<void> {
    this.#resuming ??= this.#takeUp().finally(() => {
      this.#resuming = undefined;
    });
    return this.#resuming;
  }

  async #takeUp(): Promise<void> {
    const operation = 'resume the channel';
    const { channel } = this;
    const known = this.#known();
    // Half a channel is not worth going on with: whoever sets it up begins anew.
    if (known === undefined) throw new WarpError('NO_SUCH_CHANNEL', { operation });
    const held = await this.#control.call('ResumeChannel', { resumeSecret: this.#resumeSecret }, operation);
    const unknown = (what: keyof Known): number[] => held[what].filter((number) => !known[what].has(number));
    for (const queue of unknown('queues'))
      await this.#control.call('ReleaseQueue', { channel, queue }, operation);
    for (const session of unknown('sessions'))
      await this.#control.call('CloseSession', { channel, session }, operation);
    for (const region of unknown('regions'))
      await this.#control.call('ReleaseRegion', { channel, region }, operation);
  }
}

export function isPassing({ code }: WarpError, { endpoint }: Control): boolean {
  return passing.has(code) && (code !== 'NO_DAEMON' || endpoint.mayComeBack());
}
