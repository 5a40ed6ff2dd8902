// Starts custodian, engine and broker in this order, each when the one before is ready; starts again what dies, kills
// and starts again what hangs, and gives up on what never comes to anything; stops them in reverse order. What systemd
// does where there is one.
//
//     starting --ready--> serving --hangs--> killed --> starting
//         |                   \--dies---------------------------------^
//         +--dies 8 times in a row without having served--> all stop

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { assert } from '../shared/assert.ts';
import { RestartPolicy } from '../shared/restart-policy.ts';
import { type ProcessStat, readProcessStat } from '../sys/proc-stat.ts';

const MAIN_MODULE = fileURLToPath(new URL('./main.js', import.meta.url));
/** A child that was ready for this long has served, milliseconds. */
const SERVED_MILLIS = 1_000;
/** What a child may take to stop in order before it is killed, milliseconds. */
const STOP_MILLIS_MAX = 10_000;
/** What a child may take to be ready, milliseconds: with the channels of ten thousand clients to take over. */
const START_MILLIS_MAX = 60_000;
/** How often each child is pinged, milliseconds, and after how many unanswered pings it is looked at. */
const PING_MILLIS = 250;
const PINGS_UNANSWERED_MAX = 8;
/**
 * One that was stopped hangs then. Of the others, one that has used this much processor time since its last answer spins;
 * one that has not is waiting for its turn on a crowded host, but not for ever. Milliseconds.
 */
const SPUN_MILLIS = 2_000;
const SILENT_MILLIS_MAX = 60_000;
/** Deaths in a row without having served after which there is no point in going on. */
const FAILURES_MAX = 8;

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
  /** Pings since the last answer. Counted, not timed: what holds us up too is not the child's fault. */
  pingsUnanswered: number;
  /** Processor time that it had used when it answered last, milliseconds. */
  cpuMillisAtAnswer: number;
  /** It hung, and its end is on its way. */
  isKilled: boolean;
}

/** What children are told. */
export type SupervisorMessage = { readonly type: 'stop' | 'ping' | 'reload' };
/** What they tell. */
export type ChildMessage = { readonly type: 'ready' } | { readonly type: 'pong' };

export class Supervisor {
  readonly #arguments: readonly string[];
  readonly #log: Logger;
  readonly #children: Child[] = [];
  readonly #onGivenUp: () => void;
  #pinging: NodeJS.Timeout | undefined = undefined;
  #isStopping = false;

  /** `roleArguments`: what each role is started with, after its name. `onGivenUp`: one never comes to anything. */
  constructor(roleArguments: readonly string[], log: Logger, onGivenUp: () => void) {
    this.#arguments = roleArguments;
    this.#log = log;
    this.#onGivenUp = onGivenUp;
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
        pingsUnanswered: 0,
        cpuMillisAtAnswer: 0,
        isKilled: false,
      };
      this.#children.push(child);
      await new Promise<void>((resolve, reject) => this.#spawn(child, resolve, reject));
    }
    this.#pinging = setInterval(() => {
      for (const child of this.#children)
        if (child.readyAtMillis !== undefined && !child.isKilled) this.#ping(child);
    }, PING_MILLIS);
  }

  #ping(child: Child): void {
    if (child.pingsUnanswered === 0) child.cpuMillisAtAnswer = statOf(child)?.cpuMillis ?? 0;
    child.pingsUnanswered += 1;
    if (child.pingsUnanswered <= PINGS_UNANSWERED_MAX) {
      tell(child.process, { type: 'ping' });
      return;
    }
    const found = whyHung(child);
    if (found === undefined) return;
    const silentMillis = (child.pingsUnanswered - 1) * PING_MILLIS;
    this.#log.error({ role: child.role, found, silentMillis }, 'a process hangs; killing it');
    child.process?.kill('SIGKILL');
    child.isKilled = true;
  }

  #spawn(child: Child, onReady: () => void, onFailed: (error: Error) => void): void {
    const started = spawn(process.execPath, [MAIN_MODULE, child.role, ...this.#arguments], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    child.process = started;
    child.readyAtMillis = undefined;
    child.pingsUnanswered = 0;
    child.isKilled = false;
    const timer = setTimeout(() => {
      this.#log.error(
        { role: child.role, waitedMillis: START_MILLIS_MAX },
        'a process does not start; killing it',
      );
      started.kill('SIGKILL');
    }, START_MILLIS_MAX);
    started.on('message', ({ type }: ChildMessage) => {
      child.pingsUnanswered = 0;
      if (type !== 'ready') return;
      clearTimeout(timer);
      child.readyAtMillis = performance.now();
      onReady();
    });
    let hasEnded = false;
    const onEnd = (code: number | null, signal: NodeJS.Signals | null): void => {
      if (hasEnded) return;
      hasEnded = true;
      clearTimeout(timer);
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
    child.readyAtMillis = undefined;
    const pauseMillis = child.policy.died();
    if (child.policy.failures > FAILURES_MAX) {
      const { role } = child;
      this.#log.fatal(
        { role, found, failures: FAILURES_MAX },
        'a process died again and again without having served: giving up; its last messages say why',
      );
      this.#onGivenUp();
      return;
    }
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

  /** Has the custodian read the configuration again. One that is being started reads it anyway. */
  reload(): void {
    tell(this.#children.find(({ role }) => role === 'custodian')?.process, { type: 'reload' });
  }

  /** Stops all in reverse order, each once the one after it has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#pinging);
    for (const child of this.#children) clearTimeout(child.restartTimer);
    for (const child of [...this.#children].reverse()) await this.#stopOne(child);
  }

  async #stopOne({ role, process: child }: Child): Promise<void> {
    if (child === undefined) return;
    const ended = new Promise((resolve) => {
      child.once('exit', resolve);
    });
    tell(child, { type: 'stop' });
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

function statOf({ process: child }: Child): ProcessStat | undefined {
  return child?.pid === undefined ? undefined : readProcessStat(child.pid);
}

/** Why a silent child is to be replaced; undefined if it may only be waiting for a processor. */
function whyHung(child: Child): string | undefined {
  const stat = statOf(child);
  if (stat === undefined) return undefined;
  if (stat.isStopped) return 'it was stopped';
  const usedMillis = stat.cpuMillis - child.cpuMillisAtAnswer;
  if (usedMillis > SPUN_MILLIS) return `it spins: ${usedMillis} ms of processor time without an answer`;
  const isSilent = child.pingsUnanswered * PING_MILLIS > SILENT_MILLIS_MAX;
  return isSilent ? `no answer for ${SILENT_MILLIS_MAX} ms` : undefined;
}

/** A child that is gone, or whose pipe is full since it hangs, hears nothing: its end says the rest. */
function tell(child: ChildProcess | undefined, message: SupervisorMessage): void {
  if (child?.connected === true) child.send(message, () => {});
}
