// The client processes of the demo, as one thing that takes tasks.

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { endChild } from '../bench/children.ts';
import type { Answer, Step, Task } from './messages.ts';

/** They hold nothing that has to be put away: the daemon frees what was theirs, milliseconds. */
const STOP_MILLIS_MAX = 2_000;

type AnswerOf<Type extends Answer['type']> = Extract<Answer, { readonly type: Type }>;

export interface ClientsOptions {
  readonly clients: number;
  /** For each of them to work on. */
  readonly bytesEach: number;
  readonly runtimeDir: string;
  readonly signal: AbortSignal;
}

export class Clients {
  readonly #children: readonly ChildProcess[];
  readonly #signal: AbortSignal;
  /** What all of them work on. */
  files = 0;
  bytes = 0;

  private constructor(children: readonly ChildProcess[], signal: AbortSignal) {
    this.#children = children;
    this.#signal = signal;
  }

  /** Resolves when all are connected. None runs if it rejects. */
  static async start({ clients, bytesEach, runtimeDir, signal }: ClientsOptions): Promise<Clients> {
    const program = fileURLToPath(new URL('./client.js', import.meta.url));
    const children = Array.from({ length: clients }, (_, index) =>
      fork(program, [runtimeDir, String(bytesEach), String(index), String(clients)]),
    );
    const started = new Clients(children, signal);
    try {
      for (const { files, bytes } of await started.#answers(children, 'ready')) {
        started.files += files;
        started.bytes += bytes;
      }
    } catch (error) {
      await started.stop();
      throw error;
    }
    return started;
  }

  get count(): number {
    return this.#children.length;
  }

  /** All of them take a step. Resolves when the last is done, with how often each device did it. */
  async take(step: Step, operation: string): Promise<Readonly<Record<string, number>>> {
    const ranOn: Record<string, number> = {};
    for (const answer of await this.#ask(this.#children, { type: 'step', step, operation }, 'done')) {
      for (const [device, count] of Object.entries(answer.ranOn))
        ranOn[device] = (ranOn[device] ?? 0) + count;
    }
    return ranOn;
  }

  /** One of them measures round trips, while the others rest. */
  async ping(): Promise<AnswerOf<'round-trips'>['roundTrips']> {
    const [answer] = await this.#ask(this.#children.slice(0, 1), { type: 'ping' }, 'round-trips');
    if (answer === undefined) throw new Error('there is no client');
    return answer.roundTrips;
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map((child) =>
        endChild(child, () => child.connected && child.disconnect(), STOP_MILLIS_MAX),
      ),
    );
  }

  #ask<Type extends Answer['type']>(
    children: readonly ChildProcess[],
    task: Task,
    type: Type,
  ): Promise<AnswerOf<Type>[]> {
    const answers = this.#answers(children, type);
    for (const child of children) child.send(task);
    return answers;
  }

  #answers<Type extends Answer['type']>(
    children: readonly ChildProcess[],
    type: Type,
  ): Promise<AnswerOf<Type>[]> {
    return Promise.all(children.map((child) => answerOf(child, type, this.#signal)));
  }
}

function answerOf<Type extends Answer['type']>(
  child: ChildProcess,
  type: Type,
  signal: AbortSignal,
): Promise<AnswerOf<Type>> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      child.off('message', onMessage);
      child.off('exit', onExit);
      signal.removeEventListener('abort', onAbort);
      act();
    };
    const onMessage = (answer: Answer): void =>
      settle(() => {
        if (answer.type === 'failed') reject(new Error(answer.message));
        else if (answer.type === type) resolve(answer as AnswerOf<Type>);
        else reject(new Error(`a client answered "${answer.type}" instead of "${type}"`));
      });
    const onExit = (): void => settle(() => reject(new Error('a client process died')));
    const onAbort = (): void => settle(() => reject(new Error('interrupted')));
    child.on('message', onMessage);
    child.on('exit', onExit);
    signal.addEventListener('abort', onAbort);
  });
}
