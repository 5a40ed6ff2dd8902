// Starts custodian, engine and broker in this order, each when the one before is ready; starts again what dies;
// stops them in reverse order. What systemd does where there is one.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { assert } from '../shared/assert.ts';
import { RestartPolicy } from '../shared/restart-policy.ts';

const MAIN_MODULE = fileURLToPath(new URL('./main.js', import.meta.url));
/** A child that was ready for this long has served, milliseconds. */
const SERVED_MILLIS = 1_000;
/** What a child may take to stop in order before it is killed, milliseconds. */
const STOP_MILLIS_MAX = 10_000;

export const roles = ['custodian', 'engine', 'broker'] as const;
export type Role = (typeof roles)[number];

/** A role ended before it was ready; it has said why on stderr. */
export class ChildEndedError extends Error {
  override name = 'ChildEndedError';
  readonly exitCode: number;

  constructor(role: Role, exitCode: number | null, signal: NodeJS.Signals | null) {
    super(`the ${role} ended before it was ready (${signal ?? `exit code ${exitCode}`})`);
    this.exitCode = exitCode ?? 1;
  }
}

interface Child {
  readonly role: Role;
  readonly policy: RestartPolicy;
  process: ChildProcess | undefined;
  readyAtMillis: number | undefined;
  restarts: number;
  restartTimer: NodeJS.Timeout | undefined;
}

export class Supervisor {
  readonly #arguments: readonly string[];
  readonly #log: Logger;
  readonly #children: Child[] = [];
  #isStopping = false;

  /** `roleArguments`: what each role is started with, after its name. */
  constructor(roleArguments: readonly string[], log: Logger) {
    this.#arguments = roleArguments;
    this.#log = log;
  }

  /** Process numbers by role, of those that run. */
  get pids(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#children.map(({ role, process: child }) => [role, child?.pid ?? 0]));
  }

  /** Resolves when all are ready; rejects if one dies before it was ever ready. Those that run are then to be stopped. */
  async start(): Promise<void> {
    for (const role of roles) {
      const child: Child = {
        role,
        policy: new RestartPolicy(),
        process: undefined,
        readyAtMillis: undefined,
        restarts: 0,
        restartTimer: undefined,
      };
      this.#children.push(child);
      await new Promise<void>((resolve, reject) => this.#spawn(child, resolve, reject));
    }
  }

  #spawn(child: Child, onReady: () => void, onFailed: (error: Error) => void): void {
    const started = spawn(process.execPath, [MAIN_MODULE, child.role, ...this.#arguments], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    child.process = started;
    child.readyAtMillis = undefined;
    started.on('message', () => {
      child.readyAtMillis = performance.now();
      onReady();
    });
    let hasEnded = false;
    const onEnd = (code: number | null, signal: NodeJS.Signals | null): void => {
      if (hasEnded) return;
      hasEnded = true;
      child.process = undefined;
      const wasReady = child.readyAtMillis !== undefined;
      if (!wasReady) onFailed(new ChildEndedError(child.role, code, signal));
      if (!this.#isStopping && (wasReady || child.restarts > 0))
        this.#restart(child, signal ?? `exit code ${code}`);
    };
    started.once('exit', onEnd);
    // Without a process (no memory, no descriptors) there is no exit.
    started.once('error', (error) => {
      this.#log.error({ role: child.role, err: error }, 'could not start');
      if (started.pid === undefined) onEnd(1, null);
    });
  }

  #restart(child: Child, found: string): void {
    const { readyAtMillis } = child;
    if (readyAtMillis !== undefined && performance.now() - readyAtMillis > SERVED_MILLIS)
      child.policy.served();
    const pauseMillis = child.policy.died();
    child.restarts += 1;
    this.#log.warn(
      { role: child.role, found, pauseMillis, restarts: child.restarts },
      'a process died; starting it again',
    );
    const start = (): void => {
      const done = (): void => this.#log.info({ role: child.role, pid: child.process?.pid }, 'started again');
      this.#spawn(child, done, () => {});
    };
    if (pauseMillis === 0) start();
    else child.restartTimer = setTimeout(start, pauseMillis);
  }

  /** Stops all in reverse order, each once the one after it has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const child of this.#children) clearTimeout(child.restartTimer);
    for (const child of [...this.#children].reverse()) await this.#stopOne(child);
  }

  async #stopOne({ role, process: child }: Child): Promise<void> {
    if (child === undefined) return;
    const ended = new Promise((resolve) => {
      child.once('exit', resolve);
    });
    child.send({ type: 'stop' });
    const timer = setTimeout(() => {
      this.#log.error({ role }, `did not stop within ${STOP_MILLIS_MAX} ms; killing it`);
      child.kill('SIGKILL');
    }, STOP_MILLIS_MAX);
    await ended;
    clearTimeout(timer);
  }

  /** Ends everything without asking. */
  kill(): void {
    assert(this.#isStopping, 'a stop was tried first');
    for (const { process: child } of this.#children) child?.kill('SIGKILL');
  }
}
