// One process of the daemon as its supervisor sees it, from its start to its end: whether it serves, whether it still
// answers. What becomes of its role when it ends is the supervisor's business.
//
//     started --ready--> serving --2 pings without an answer, and stopped or spinning--> killed
//        \--not ready in time, or stopped--------------------------------------------------^
//
// One that stands by is not ready until it has taken the place of the one that serves.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { type ProcessStat, readProcessStat } from '../sys/proc-stat.ts';

const MAIN_MODULE = fileURLToPath(new URL('./main.js', import.meta.url));
/** What a process may take to stop in order before it is killed, milliseconds. */
const STOP_MILLIS_MAX = 10_000;
/** What one may take to be ready, milliseconds: with the channels of ten thousand clients to take over. */
const START_MILLIS_MAX = 60_000;
/** After how many unanswered pings one is looked at. */
const PINGS_UNANSWERED_MAX = 2;
/**
 * One that was stopped hangs then. Of the others, one that has used this much processor time since its last answer,
 * milliseconds, spins; one that has not is waiting for its turn on a crowded host, but not for ever.
 */
const SPUN_MILLIS = 2_000;
const ROUNDS_SILENT_MAX = 60;

/** What children are told. */
export type SupervisorMessage = { readonly type: 'stop' | 'ping' | 'reload' };
/** What they tell. */
export type ChildMessage = { readonly type: 'ready' } | { readonly type: 'pong' };

export interface ChildEvents {
  /** It serves. */
  onReady(): void;
  /** It is gone; called once. `exitCode` where it ended by itself. */
  onEnd(found: string, exitCode: number | null): void;
}

export class Child {
  readonly #role: string;
  readonly #log: Logger;
  readonly #process: ChildProcess;
  #readyAtMillis: number | undefined = undefined;
  #hasAnswered = false;
  /** Pings since the last answer. Counted, not timed: what holds us up too is not the child's fault. */
  #pingsUnanswered = 0;
  /** Processor time that it had used when it answered last, milliseconds. */
  #cpuMillisAtAnswer = 0;
  /** It hung, and its end is on its way. */
  #isKilled = false;
  readonly #ended: Promise<void>;
  /** Runs while it is to become ready. */
  #startTimer: NodeJS.Timeout | undefined = undefined;

  /** Starts it. `programArguments`: of `warpdrived`. */
  constructor(role: string, programArguments: readonly string[], log: Logger, events: ChildEvents) {
    this.#role = role;
    this.#log = log;
    this.#process = spawn(process.execPath, [MAIN_MODULE, ...programArguments], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#process.on('message', ({ type }: ChildMessage) => {
      this.#pingsUnanswered = 0;
      this.#hasAnswered = true;
      if (type !== 'ready') return;
      clearTimeout(this.#startTimer);
      this.#startTimer = undefined;
      this.#readyAtMillis = performance.now();
      events.onReady();
    });
    this.#ended = new Promise((resolve) => {
      const onEnd = (exitCode: number | null, signal: NodeJS.Signals | null): void => {
        clearTimeout(this.#startTimer);
        events.onEnd(signal ?? `exit code ${exitCode}`, exitCode);
        resolve();
      };
      this.#process.once('exit', onEnd);
      // Without a process (no memory, no descriptors) there is no exit.
      this.#process.once('error', (error) => {
        log.error({ role, err: error }, 'could not start');
        if (this.#process.pid === undefined) onEnd(1, null);
      });
    });
  }

  /** 0 if it could not be started. */
  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get isReady(): boolean {
    return this.#readyAtMillis !== undefined;
  }

  /** Whether it has ever told anything: before that its silence means nothing. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** How long it has served, milliseconds. */
  get servedMillis(): number {
    return this.#readyAtMillis === undefined ? 0 : performance.now() - this.#readyAtMillis;
  }

  /** From now on it has to be ready in time. */
  expectReady(): void {
    if (this.isReady) return;
    this.#startTimer = setTimeout(() => {
      const waitedMillis = START_MILLIS_MAX;
      this.#log.error({ role: this.#role, waitedMillis }, 'a process does not start; killing it');
      void this.kill();
    }, START_MILLIS_MAX);
  }

  ping(): void {
    if (this.#isKilled) return;
    if (this.#pingsUnanswered === 0) this.#cpuMillisAtAnswer = this.#stat()?.cpuMillis ?? 0;
    this.#pingsUnanswered += 1;
    if (this.#pingsUnanswered <= PINGS_UNANSWERED_MAX) {
      this.tell({ type: 'ping' });
      return;
    }
    const found = this.#whyHung();
    if (found === undefined) return;
    this.#log.error({ role: this.#role, found }, 'a process hangs; killing it');
    void this.kill();
    this.#isKilled = true;
  }

  #stat(): ProcessStat | undefined {
    return this.pid === 0 ? undefined : readProcessStat(this.pid);
  }

  /** Why a silent one is to be replaced; undefined if it may only be waiting for a processor. */
  #whyHung(): string | undefined {
    const stat = this.#stat();
    if (stat === undefined) return undefined;
    if (stat.isStopped) return 'it was stopped';
    // What it does to become ready may take it a while.
    if (this.#startTimer !== undefined) return undefined;
    const usedMillis = stat.cpuMillis - this.#cpuMillisAtAnswer;
    if (usedMillis > SPUN_MILLIS) return `it spins: ${usedMillis} ms of processor time without an answer`;
    return this.#pingsUnanswered > ROUNDS_SILENT_MAX ? `no answer in ${ROUNDS_SILENT_MAX} rounds` : undefined;
  }

  /** One that is gone, or whose pipe is full since it hangs, hears nothing: its end says the rest. */
  tell(message: SupervisorMessage): void {
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  /** Stops it in order, or else by force. */
  async stop(): Promise<void> {
    this.tell({ type: 'stop' });
    const timer = setTimeout(() => {
      this.#log.error({ role: this.#role }, `did not stop within ${STOP_MILLIS_MAX} ms; killing it`);
      void this.kill();
    }, STOP_MILLIS_MAX);
    await this.#ended;
    clearTimeout(timer);
  }

  /** Kills it; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
  }
}
