// Starts custodian, engine and broker in this order, each when the one before is ready; starts again what dies, and gives
// up on what never comes to anything; stops them in reverse order. What systemd does where there is one.
//
//     starting --ready--> serving --dies (child.ts: or hangs)--> starting again
//         |                                      \--> or a standby serves, and the next standby is started
//         +--dies 8 times in a row without having served--> all stop
//
// A standby has loaded all that it will need and waits for the lock of its role (role.ts): it notices the death by
// itself. Loading would be the greater part of the time in which nobody serves.

import type { Logger } from 'pino';
import { assert } from '../shared/assert.ts';
import { RestartPolicy } from '../shared/restart-policy.ts';
import { Child } from './child.ts';

/** A child that was ready for this long has served, milliseconds. */
const SERVED_MILLIS = 500;
/** How often those that serve are asked whether they still do, milliseconds, and in which of these rounds standbys are. */
const PING_MILLIS = 1_000;
const ROUNDS_PER_STANDBY_PING = 5;
/** Deaths in a row without having served after which there is no point in going on. */
const FAILURES_MAX = 8;

export const roles = ['custodian', 'engine', 'broker'] as const;
export type Role = (typeof roles)[number];

/** A role ended before it was ready; it has said why on stderr. */
export class ChildEndedError extends Error {
  override name = 'ChildEndedError';
  readonly exitCode: number;

  constructor(role: Role, found: string, exitCode: number | null) {
    super(`the ${role} ended before it was ready (${found})`);
    this.exitCode = exitCode ?? 1;
  }
}

/** A role, whoever plays it. */
interface Part {
  readonly role: Role;
  readonly policy: RestartPolicy;
  readonly standbyPolicy: RestartPolicy;
  /** Serves, or is to serve next. */
  child: Child | undefined;
  standby: Child | undefined;
  restarts: number;
  restartTimer: NodeJS.Timeout | undefined;
  standbyTimer: NodeJS.Timeout | undefined;
}

export class Supervisor {
  readonly #arguments: readonly string[];
  readonly #log: Logger;
  readonly #parts: Part[] = [];
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
    return Object.fromEntries(this.#parts.map(({ role, child }) => [role, child?.pid ?? 0]));
  }

  /** Resolves when all are ready; rejects if one dies before it was ever ready. Those that run are then to be stopped. */
  async start(): Promise<void> {
    for (const role of roles) {
      const part: Part = {
        role,
        policy: new RestartPolicy(),
        standbyPolicy: new RestartPolicy(),
        child: undefined,
        standby: undefined,
        restarts: 0,
        restartTimer: undefined,
        standbyTimer: undefined,
      };
      this.#parts.push(part);
      await new Promise<void>((resolve, reject) => this.#startFirst(part, resolve, reject));
    }
    for (const part of this.#parts) this.#startStandby(part, SERVED_MILLIS);
    let round = 0;
    this.#pinging = setInterval(() => {
      round += 1;
      for (const { child, standby } of this.#parts) {
        if (child?.hasAnswered === true) child.ping();
        if (round % ROUNDS_PER_STANDBY_PING === 0) standby?.ping();
      }
    }, PING_MILLIS);
  }

  #startFirst(part: Part, onReady: () => void, onFailed: (error: Error) => void): void {
    const child = new Child(part.role, [part.role, ...this.#arguments], this.#log, {
      onReady,
      onEnd: (found, exitCode) => {
        if (!child.isReady) onFailed(new ChildEndedError(part.role, found, exitCode));
        else this.#ended(part, child, found);
      },
    });
    part.child = child;
    child.expectReady();
  }

  #startAgain(part: Part): void {
    const child = new Child(part.role, [part.role, ...this.#arguments], this.#log, {
      onReady: () => this.#serves(part),
      onEnd: (found) => this.#ended(part, child, found),
    });
    part.child = child;
    child.expectReady();
  }

  /** After a pause: those who want to be served come before it, and it has to be clear that the role can be played. */
  #startStandby(part: Part, pauseMillis: number): void {
    part.standbyTimer = setTimeout(() => {
      const standby = new Child(part.role, ['--standby', part.role, ...this.#arguments], this.#log, {
        onReady: () => {
          // It may notice a death before we do.
          if (standby === part.child) this.#serves(part);
        },
        onEnd: (found) => this.#ended(part, standby, found),
      });
      part.standby = standby;
    }, pauseMillis);
  }

  #serves(part: Part): void {
    this.#log.info({ role: part.role, pid: part.child?.pid }, 'started again');
    this.#startStandby(part, SERVED_MILLIS);
  }

  #ended(part: Part, child: Child, found: string): void {
    if (child === part.standby) part.standby = undefined;
    if (child === part.child) part.child = undefined;
    if (this.#isStopping) return;
    if (part.child === undefined) this.#replace(part, child, found);
    else this.#replaceStandby(part, found);
  }

  #replace(part: Part, dead: Child, found: string): void {
    const { role, policy, standby } = part;
    clearTimeout(part.standbyTimer);
    if (dead.servedMillis > SERVED_MILLIS) policy.served();
    const pauseMillis = policy.died();
    if (policy.failures > FAILURES_MAX) {
      this.#log.fatal(
        { role, found, failures: FAILURES_MAX },
        'a process died again and again without having served: giving up; its last messages say why',
      );
      this.#onGivenUp();
      return;
    }
    part.restarts += 1;
    const { restarts } = part;
    if (standby !== undefined) {
      this.#log.warn({ role, found, restarts, pid: standby.pid }, 'a process died; its standby takes over');
      part.child = standby;
      part.standby = undefined;
      part.standbyPolicy.served();
      if (standby.isReady) this.#serves(part);
      else standby.expectReady();
      return;
    }
    this.#log.warn({ role, found, pauseMillis, restarts }, 'a process died; starting it again');
    if (pauseMillis === 0) this.#startAgain(part);
    else part.restartTimer = setTimeout(() => this.#startAgain(part), pauseMillis);
  }

  #replaceStandby(part: Part, found: string): void {
    const { role, standbyPolicy } = part;
    const pauseMillis = standbyPolicy.died();
    this.#log.warn({ role, found, pauseMillis }, 'a standby died; starting it again');
    this.#startStandby(part, pauseMillis);
  }

  /** Has the custodian read the configuration again. One that is being started reads it anyway. */
  reload(): void {
    this.#parts.find(({ role }) => role === 'custodian')?.child?.tell({ type: 'reload' });
  }

  /** Stops all in reverse order, each once the one after it has ended. A standby has nothing that it would leave in disorder. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#pinging);
    for (const part of this.#parts) {
      clearTimeout(part.restartTimer);
      clearTimeout(part.standbyTimer);
    }
    for (const part of [...this.#parts].reverse()) {
      await part.standby?.kill();
      await part.child?.stop();
    }
  }

  /** Ends everything without asking. */
  kill(): void {
    assert(this.#isStopping, 'a stop was tried first');
    for (const { child, standby } of this.#parts) {
      void standby?.kill();
      void child?.kill();
    }
  }
}
