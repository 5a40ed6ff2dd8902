// What custodian, broker and engine have in common: a lock, a log, a way to say that they are ready, an orderly end.

import { openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import pino, { type Logger } from 'pino';
import { WarpError } from '../shared/errors.ts';
import { Fd } from '../sys/fd.ts';
import { openPidfd, tryLock } from '../sys/process.ts';
import { waitReadableAsync } from '../sys/socket.ts';
import type { ChildMessage, SupervisorMessage } from './child.ts';

export interface RoleOptions {
  readonly runtimeDir: string;
  /** What has to outlive the custodian: marks of the mdevs that it has made. */
  readonly stateDir: string;
  /** The configuration file; undefined for the built-in defaults. */
  readonly configPath: string | undefined;
  readonly logLevel: string;
  /** Load everything, and wait until the process that has the role is gone. */
  readonly isStandby: boolean;
}

/** How long a standby waits for the end of one process before it looks who has the lock, milliseconds. */
const HOLDER_MILLIS_MAX = 500;

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'silent'] as const;

/** JSON lines on stderr: stdout is for what a caller asked for. */
export function createLog(name: string, level: string): Logger {
  return pino({ name, level }, pino.destination({ dest: 2, sync: true }));
}

/**
 * Tells the supervisor, if there is one, that this process serves, and from then on that it still does: each ping is
 * answered when a round of work is done. `whenWorked` calls back then; by default after a turn of the event loop.
 */
export function tellReady(whenWorked: (answer: () => void) => void = setImmediate): void {
  process.on('message', ({ type }: SupervisorMessage) => {
    if (type === 'ping') whenWorked(() => tell({ type: 'pong' }));
  });
  tell({ type: 'ready' });
}

function tell(message: ChildMessage): void {
  // The pipe may be gone with the supervisor: that ends this process by itself.
  process.send?.(message, undefined, undefined, () => {});
}

/**
 * Ends the process in order: when the supervisor says so or is gone, or, without a supervisor, on SIGTERM or SIGINT.
 * `stop` undoes what the role has set up. A second signal ends it at once.
 */
export function endWhenTold(log: Logger, stop: (reason: string) => Promise<void>): void {
  let isStopping = false;
  const end = (reason: string): void => {
    if (isStopping) {
      log.warn({ reason }, 'ending at once');
      process.exit(1);
    }
    isStopping = true;
    log.info({ reason }, 'stopping');
    stop(reason).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'could not stop in order');
        process.exit(1);
      },
    );
  };
  // A signal often goes to the whole process group. Under a supervisor it is the supervisor's to act on, in order.
  const isSupervised = process.send !== undefined;
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, isSupervised ? () => {} : end);
  // One that is sent to the whole group is meant for the custodian.
  process.on('SIGHUP', () => {});
  process.on('message', ({ type }: SupervisorMessage) => {
    if (type === 'stop') end('told by the supervisor');
  });
  process.off('disconnect', endAtOnce);
  process.once('disconnect', () => {
    if (!isStopping) end('the supervisor is gone');
  });
}

/** Acts when the configuration is to be read again: on SIGHUP, or when the supervisor passes one on. */
export function onReload(act: () => void): void {
  process.on('SIGHUP', act);
  process.on('message', ({ type }: SupervisorMessage) => {
    if (type === 'reload') act();
  });
}

/**
 * One process of each role for a runtime folder: a second one would take the sockets from the first. It is refused with
 * the first one's process number, or, as a standby, waits for its end. Keep the lock until the sockets are closed.
 */
export async function takeRole(role: string, { runtimeDir, isStandby }: RoleOptions): Promise<Fd> {
  // It may have gone while this process loaded its code.
  if (process.send !== undefined && !process.connected) endAtOnce();
  process.once('disconnect', endAtOnce);
  const path = join(runtimeDir, `${role}.lock`);
  const lock = new Fd(openSync(path, 'a+', 0o600), `${role} lock`);
  if (isStandby) await standBy(path, lock);
  else if (!tryLock(lock)) {
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

/** Without its supervisor a process that has set up nothing yet would wait for the others for good. */
const endAtOnce = (): void => process.exit(0);

/** Resolves when nobody else has the lock any more. */
async function standBy(path: string, lock: Fd): Promise<void> {
  const onMessage = ({ type }: SupervisorMessage): void => {
    if (type === 'ping') tell({ type: 'pong' });
  };
  process.on('message', onMessage);
  while (!tryLock(lock)) await lockMayBeFree(path);
  process.off('message', onMessage);
}

/** Resolves when the process that the file names has ended; after a while in any case, since it may name an earlier one. */
async function lockMayBeFree(path: string): Promise<void> {
  const pid = holderOf(path);
  // Nobody's: it has been emptied, and is about to name the next one.
  const holder = pid === 0 ? undefined : openPidfd(pid);
  if (holder === undefined) return;
  await waitReadableAsync(holder.number, HOLDER_MILLIS_MAX);
  holder.close();
}
