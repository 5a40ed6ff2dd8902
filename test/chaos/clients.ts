// The client processes of a run, as one thing.

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ChaosMessage, ClientMessage, Tally } from './messages.ts';

/** Time for the last requests to complete, and for everything to be given back. */
const FINISH_MILLIS_MAX = 90_000;

export class ChaosClients {
  readonly #children: readonly ChildProcess[];
  /** Completed so far; undefined before it is ready. */
  readonly #requests: (number | undefined)[];
  readonly #tallies: (Tally | undefined)[];
  readonly #failures: string[] = [];
  /** Aborted with the reason when a client has failed, or ended without being told to. */
  readonly #failed = new AbortController();
  #onChange: () => void = () => {};

  /** Resolves when all are connected and work. */
  static async start(runtimeDir: string, count: number, seed: number): Promise<ChaosClients> {
    const program = fileURLToPath(new URL('./client.js', import.meta.url));
    const children = Array.from({ length: count }, (_, index) =>
      fork(program, [runtimeDir, String((seed + index + 1) >>> 0)]),
    );
    const clients = new ChaosClients(children);
    try {
      await clients.#until(() => clients.#requests.every((requests) => requests !== undefined));
    } catch (error) {
      await clients.kill();
      throw error;
    }
    return clients;
  }

  private constructor(children: readonly ChildProcess[]) {
    this.#children = children;
    this.#requests = children.map(() => undefined);
    this.#tallies = children.map(() => undefined);
    for (const [index, child] of children.entries()) {
      child.on('message', (message: ClientMessage) => this.#hear(index, message));
      child.once('exit', (code, signal) => {
        if (this.#tallies[index] === undefined)
          this.#fail(index, `it ended (${signal ?? `exit code ${code}`})`);
        this.#onChange();
      });
    }
  }

  /** Aborted, with what went wrong as the reason, as soon as one has failed. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** Completed so far. */
  get requests(): number {
    return this.#requests.reduce<number>((sum, requests) => sum + (requests ?? 0), 0);
  }

  #hear(index: number, message: ClientMessage): void {
    if (message.type === 'failed') this.#fail(index, message.message);
    else if (message.type === 'done') this.#tallies[index] = message.tally;
    else if (message.type === 'ready') this.#requests[index] ??= 0;
    else this.#requests[index] = message.requests;
    this.#onChange();
  }

  #fail(index: number, message: string): void {
    this.#failures.push(`client ${index}: ${message}`);
    if (!this.#failed.signal.aborted) this.#failed.abort(new Error(this.#failures.join('\n')));
  }

  async #until(condition: () => boolean): Promise<void> {
    const { signal } = this.#failed;
    while (!condition()) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
      });
    }
    signal.throwIfAborted();
  }

  /** Whether completions are to stay in the channels, as far as a client is tardy. */
  hold(isHeld: boolean): void {
    this.#tell({ type: isHeld ? 'hold' : 'go on' });
  }

  #tell(message: ChaosMessage): void {
    // One that is gone has failed, and that is known.
    for (const child of this.#children) if (child.connected) child.send(message, () => {});
  }

  /** Lets all finish; resolves with what they have seen. Rejects when one fails or hangs. */
  async finish(): Promise<Tally[]> {
    this.#tell({ type: 'finish' });
    const hangs = setTimeout(() => {
      for (const [index, tally] of this.#tallies.entries())
        if (tally === undefined) this.#fail(index, `it hangs: not finished within ${FINISH_MILLIS_MAX} ms`);
      this.#onChange();
    }, FINISH_MILLIS_MAX);
    try {
      await this.#until(() => this.#tallies.every((tally) => tally !== undefined));
    } finally {
      clearTimeout(hangs);
    }
    return this.#tallies.filter((tally) => tally !== undefined);
  }

  /** Ends those that still run. */
  async kill(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = new Promise((resolve) => {
          child.once('exit', resolve);
        });
        child.kill('SIGKILL');
        await ended;
      }),
    );
  }
}
