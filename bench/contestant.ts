// A contestant seen from the bench: a child process that measures when told to (turns.ts). It is started once and
// sleeps between its turns, so that a turn is measurement only and the other contestants have the machine.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { endChild } from './children.ts';
import type { Facts, Metrics } from './turns.ts';

/** Starting takes a second, a turn a few at most; what takes longer hangs. The default. */
const ANSWER_MILLIS_MAX = 60_000;
const END_MILLIS_MAX = 5_000;

export interface Command {
  readonly file: string;
  readonly arguments: readonly string[];
}

export interface Contestant {
  readonly facts: Facts;
  turn(amount: number): Promise<Metrics>;
  end(): Promise<void>;
}

/** Starts a contestant and waits until it is ready. */
export async function startContestant(
  command: Command,
  signal: AbortSignal,
  patienceMillis = ANSWER_MILLIS_MAX,
): Promise<Contestant> {
  signal.throwIfAborted();
  const child = spawn(command.file, command.arguments, { stdio: ['pipe', 'pipe', 'pipe'] });
  const name = [command.file, ...command.arguments].join(' ');
  const answers = new Answers(child, { name, patienceMillis }, signal);
  const end = () => endChild(child, () => child.stdin.end(), END_MILLIS_MAX);
  try {
    const facts = (await answers.next()) as Facts;
    return {
      facts,
      turn: async (amount) => {
        child.stdin.write(`${amount}\n`);
        return (await answers.next()) as Metrics;
      },
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** The lines that a contestant answers; an error with its complaints where it ends, or hangs, instead. */
class Answers {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  readonly #name: string;
  readonly #patienceMillis: number;
  #complaints = '';
  readonly #closed: Promise<void>;

  constructor(
    child: ChildProcessByStdio<Writable, Readable, Readable>,
    { name, patienceMillis }: { readonly name: string; readonly patienceMillis: number },
    signal: AbortSignal,
  ) {
    this.#child = child;
    this.#name = name;
    this.#patienceMillis = patienceMillis;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.#closed = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#complaints += signal ?? `exit code ${code}`;
        resolve();
      });
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#complaints += text));
    child.on('error', (error) => (this.#complaints += error.message));
    // Writing to one that died: its end is reported by next().
    child.stdin.on('error', () => {});
    const kill = (): void => void child.kill('SIGKILL');
    signal.addEventListener('abort', kill, { once: true });
    child.once('exit', () => signal.removeEventListener('abort', kill));
  }

  async next(): Promise<unknown> {
    const hangs = setTimeout(() => {
      this.#complaints += `no answer within ${this.#patienceMillis / 1000} seconds`;
      this.#child.kill('SIGKILL');
    }, this.#patienceMillis);
    try {
      const { value, done } = await this.#lines.next();
      if (done === true) {
        // What it complained of may come after the end of its answers.
        await this.#closed;
        throw new Error(`${this.#name} ended early\n${this.#complaints.trimEnd()}`);
      }
      return JSON.parse(value);
    } finally {
      clearTimeout(hangs);
    }
  }
}
