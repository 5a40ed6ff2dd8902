// What this process and systemd tell each other: sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3). Without systemd
// nothing is told and nothing was given.
//
//     systemd                                          this process
//       listening sockets --fds from 3 on------------->  takeSocket(path)
//       <--READY=1, RELOADING=1, STOPPING=1, STATUS=...  notify()
//       <--WATCHDOG=1, or it is killed-----------------  notify(), at least every watchdogMillis

import { Fd } from '../sys/fd.ts';
import { connectDatagrams, sendWithFds, socketPath } from '../sys/socket.ts';

/** Descriptors that a service manager gives begin here: SD_LISTEN_FDS_START, <systemd/sd-daemon.h>. */
const FIRST_GIVEN = 3;
/** More are no sockets of ours. */
const GIVEN_MAX = 16;
const MICROS_PER_MILLI = 1_000;
const RETRY_MILLIS = 10;

type Environment = Readonly<Record<string, string | undefined>>;

class ServiceManager {
  readonly #notifySocket: Fd | undefined;
  readonly #given = new Map<string, Fd>();
  /** How often this process has to say that it works, milliseconds; undefined if nobody watches. */
  readonly watchdogMillis: number | undefined;

  constructor(environment: Environment, pid: number) {
    const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, LISTEN_FDS, LISTEN_PID } = environment;
    this.#notifySocket = NOTIFY_SOCKET ? connectDatagrams(NOTIFY_SOCKET, 'service manager') : undefined;
    const isWatched = WATCHDOG_USEC !== undefined && [undefined, String(pid)].includes(WATCHDOG_PID);
    this.watchdogMillis = isWatched ? Number(WATCHDOG_USEC) / MICROS_PER_MILLI : undefined;
    if (LISTEN_PID !== String(pid)) return;
    const count = Math.min(Number(LISTEN_FDS), GIVEN_MAX);
    for (let number = FIRST_GIVEN; number < FIRST_GIVEN + count; number++) {
      this.#given.set(socketPath(number), Fd.inherited(number, 'given socket'));
    }
  }

  /** Whether there is one. */
  get isThere(): boolean {
    return this.#notifySocket !== undefined;
  }

  /** Tells it so: names of sd_notify(3) and their values. */
  notify(state: Readonly<Record<string, string | number>>): void {
    if (this.#notifySocket === undefined) return;
    const lines = Object.entries(state).map(([name, value]) => `${name}=${value}\n`);
    const isTold = sendWithFds(this.#notifySocket.number, Buffer.from(lines.join('')), []);
    // It has yet to read what others told it.
    if (!isTold) setTimeout(() => this.notify(state), RETRY_MILLIS);
  }

  /** The listening socket that was opened for us at a path, for the caller to own; undefined if there is none. */
  takeSocket(path: string): Fd | undefined {
    const fd = this.#given.get(path);
    this.#given.delete(path);
    return fd;
  }
}

/** That of this process. */
export const serviceManager = new ServiceManager(process.env, process.pid);
// What it gave is ours alone: a child would take it for its own.
for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID', 'LISTEN_FDS', 'LISTEN_PID'])
  delete process.env[name];
