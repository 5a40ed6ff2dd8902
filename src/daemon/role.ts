// What custodian, broker and engine have in common: a lock, a way to say that they are ready and still work, an orderly
// end.

import { mkdirSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { WarpError } from '../shared/errors.ts';
import { Fd } from '../sys/fd.ts';
import { openPidfd, tryLock } from '../sys/process.ts';
import { fdWatcher } from '../sys/fd-watcher.ts';
import type { ChildMessage, SupervisorMessage } from './child.ts';
import { serviceManager } from './service-manager.ts';

export interface RoleOptions {
  readonly runtimeDir: string;
  /** What has to outlive the custodian: marks of the mdevs that it has made. */
  readonly stateDir: string;
  /** The configuration file; undefined for the built-in defaults. */
  readonly configPath: string | undefined;
  readonly logLevel: string;
  /** Load everything, and wait until the process that has the role is gone. */
  readonly isStandby: boolean;
  /** The users that broker and engine run as, where each has its own; otherwise all run as this process does. */
  readonly brokerUid: number | undefined;
  readonly engineUid: number | undefined;
}

/** How long a standby waits for the end of one process before it looks who has the lock, milliseconds. */
const HOLDER_MILLIS_MAX = 10_000;
/** Where it is not known who has the lock, between two looks whether it is free, milliseconds. */
const UNNAMED_MILLIS = 5;
/** How often the service manager is told figures where it doesn't watch, milliseconds. */
const FIGURES_MILLIS = 5_000;
/** Rounds of work within the time in which one is due: a single late one is no reason to be killed. */
const ROUNDS_PER_DEADLINE = 4;
/** What a start may take once the others are reached, microseconds: the channels of ten thousand clients. */
const START_MICROS_MAX = 60_000_000;
/** Where a start waits for another part: how often the service manager is told that it does, milliseconds. */
const WAITING_MILLIS = 1_000;
/** Sent instead of SIGTERM by a service manager that starts this process again at once (RestartKillSignal=). */
const RESTART_SIGNAL = 'SIGUSR2';

/** Calls back when a round of work is done; by default a turn of the event loop is one. */
type WhenWorked = (done: () => void) => void;

export interface Work {
  readonly whenWorked?: WhenWorked;
  /** What there is at the moment, in a few words, for who looks at the service. */
  readonly figures: () => string;
}

/** What a process that stands by, or takes over from there, is at. */
let progress = 'standing by';
/** Ends what keeps such a process from being called hung: that its event loop turns. */
let stopAttending = (): void => {};

/** Tells the service manager what a start is at, and that it goes on. */
export function tellStarting(doing: string): void {
  progress = doing;
  serviceManager.notify({ STATUS: doing, EXTEND_TIMEOUT_USEC: START_MICROS_MAX });
}

/**
 * Waits in a start for a part that may be long in coming: where the configuration is not valid, until somebody mends it.
 * To be started again and again meanwhile would bring it no nearer.
 */
export async function waitFor(part: string, reached: Promise<void>): Promise<void> {
  const tell = (): void => tellStarting(`waiting for the ${part}`);
  tell();
  const timer = setInterval(tell, WAITING_MILLIS);
  await reached.finally(() => clearInterval(timer));
}

/** Tells whoever started this process that it serves, and from then on, by completed rounds of work, that it still does. */
export function tellReady({ whenWorked = setImmediate, figures }: Work): void {
  process.on('message', ({ type }: SupervisorMessage) => {
    if (type === 'ping') whenWorked(() => tell({ type: 'pong' }));
  });
  tell({ type: 'ready' });
  stopAttending();
  attend({ whenWorked, figures });
}

/** Tells the service manager the same. Returns what ends that. */
function attend({ whenWorked = setImmediate, figures }: Work): () => void {
  if (!serviceManager.isThere) return () => {};
  serviceManager.notify({ READY: 1, STATUS: figures() });
  const { watchdogMillis = FIGURES_MILLIS * ROUNDS_PER_DEADLINE } = serviceManager;
  let isRoundDue = false;
  const rounds = setInterval(() => {
    if (isRoundDue) return;
    isRoundDue = true;
    whenWorked(() => {
      isRoundDue = false;
      serviceManager.notify({ WATCHDOG: 1, STATUS: figures() });
    });
  }, watchdogMillis / ROUNDS_PER_DEADLINE);
  return () => clearInterval(rounds);
}

function tell(message: ChildMessage): void {
  // The pipe may be gone with the supervisor: that ends this process by itself.
  process.send?.(message, undefined, undefined, () => {});
}

/** How a process ends: for good, or with one in its place a moment later, for which everything is left as it is. */
export type Ending = 'stop' | 'restart';

/**
 * Ends the process in order: when the supervisor says so or is gone, or, without a supervisor, on a signal.
 * `end` undoes what the role has set up. A second signal ends it at once.
 */
export function endWhenTold(log: Logger, end: (ending: Ending) => Promise<void>): void {
  let isEnding = false;
  const begin = (ending: Ending, reason: string): void => {
    if (isEnding) {
      log.warn({ reason }, 'ending at once');
      process.exit(1);
    }
    isEnding = true;
    log.info({ reason }, ending === 'stop' ? 'stopping' : 'making room for the next process');
    serviceManager.notify({ STOPPING: 1, STATUS: ending === 'stop' ? 'stopping' : 'restarting' });
    end(ending).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'could not stop in order');
        process.exit(1);
      },
    );
  };
  // A signal often goes to the whole process group. Under a supervisor it is the supervisor's to act on, in order.
  const isSupervised = process.send !== undefined;
  const onSignal = (ending: Ending) => (isSupervised ? () => {} : (signal: string) => begin(ending, signal));
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, onSignal('stop'));
  process.off(RESTART_SIGNAL, endAtOnce);
  process.on(RESTART_SIGNAL, onSignal('restart'));
  process.on('message', ({ type }: SupervisorMessage) => {
    if (type === 'stop') begin('stop', 'told by the supervisor');
  });
  process.off('disconnect', endAtOnce);
  process.once('disconnect', () => {
    if (!isEnding) begin('stop', 'the supervisor is gone');
  });
}

/** Acts when the configuration is to be read again: on SIGHUP, or when the supervisor passes one on. */
export function onReload(act: () => Promise<unknown>): void {
  const reload = async (): Promise<void> => {
    const nowMicros = process.hrtime.bigint() / 1_000n;
    serviceManager.notify({ RELOADING: 1, MONOTONIC_USEC: String(nowMicros) });
    await act();
    serviceManager.notify({ READY: 1 });
  };
  process.on('SIGHUP', () => void reload());
  process.on('message', ({ type }: SupervisorMessage) => {
    if (type === 'reload') void reload();
  });
}

/**
 * One process of each role for a runtime folder: a second one would take the sockets from the first. It is refused with
 * the first one's process number, or, as a standby, waits for its end. Keep the lock until the sockets are closed. It is
 * in a folder that the role alone writes to.
 */
export async function takeRole(role: string, { runtimeDir, isStandby }: RoleOptions): Promise<Fd> {
  // It may have gone while this process loaded its code.
  if (process.send !== undefined && !process.connected) endAtOnce();
  process.once('disconnect', endAtOnce);
  process.on(RESTART_SIGNAL, endAtOnce);
  // One that is sent to the whole group is meant for the custodian that serves.
  process.on('SIGHUP', () => {});
  const folder = join(runtimeDir, role);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const path = join(folder, 'lock');
  const lock = new Fd(openSync(path, 'a+', 0o600), `${role} lock`);
  if (isStandby) {
    process.title = `warpdrive-${role}-standby`;
    await standBy(path, lock);
  } else if (!tryLock(lock)) {
    lock.close();
    const holder = holderOf(path);
    throw new WarpError('ALREADY_RUNNING', {
      operation: `serve as ${role} in ${runtimeDir}`,
      found: `process ${holder} does so already`,
      hint: `stop process ${holder} first, or start this one with another --runtime-dir`,
    });
  }
  truncateSync(path);
  writeSync(lock.number, `${process.pid}\n`);
  process.title = `warpdrive-${role}`;
  return lock;
}

function holderOf(path: string): number {
  return Number(readFileSync(path, 'utf8'));
}

/** For a process that has set up nothing yet: without its supervisor it would wait for the others for good. */
const endAtOnce = (): void => process.exit(0);

/**
 * Resolves when nobody else has the lock any more. To a service manager a process that stands by is ready: it can be no
 * more than that while another one serves.
 */
async function standBy(path: string, lock: Fd): Promise<void> {
  if (tryLock(lock)) return;
  const onMessage = ({ type }: SupervisorMessage): void => {
    if (type === 'ping') tell({ type: 'pong' });
  };
  process.on('message', onMessage);
  stopAttending = attend({ figures: () => progress });
  do await lockMayBeFree(path);
  while (!tryLock(lock));
  process.off('message', onMessage);
}

/** Resolves when the process that the file names has ended; after a while in any case, since it may name an earlier one. */
async function lockMayBeFree(path: string): Promise<void> {
  const pid = holderOf(path);
  // Nobody's: it has been emptied, and is about to name the next one.
  const holder = pid === 0 ? undefined : openPidfd(pid);
  if (holder === undefined) {
    await sleep(UNNAMED_MILLIS);
    return;
  }
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, HOLDER_MILLIS_MAX);
    fdWatcher.arm(holder.number, () => {
      clearTimeout(timer);
      resolve();
    });
  });
  fdWatcher.forget(holder.number);
  holder.close();
}
