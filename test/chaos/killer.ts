// Strikes processes of a daemon, and finds out when it serves again.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Control, unixEndpoint } from '../../src/client/control.ts';
import { WarpError } from '../../src/client/index.ts';
import { GRPC_SOCKET } from '../../src/shared/runtime-paths.ts';
import { childrenOf, daemonRoles, findRole } from '../fixtures/processes.ts';
import type { Strike, Target } from './schedule.ts';

const CALL_MILLIS_MAX = 2_000;
const POLL_MILLIS = 20;
/** A daemon that takes longer has not recovered: hung processes take two seconds to be noticed, one after the other. */
const RECOVERY_MILLIS_MAX = 60_000;

export interface Struck {
  readonly strike: Strike;
  /** Between these two moments, by Date.now(). */
  readonly fromMillis: number;
  readonly tillMillis: number;
  /** Whom it met. A process that is just being started again may not be there yet. */
  readonly victims: readonly { readonly target: Target; readonly pid: number }[];
}

export class Killer {
  readonly #supervisor: number;
  readonly #workers: number;
  readonly #control: Control;
  /** Whether the custodian holds the engine's descriptors, as of some moment. */
  readonly #isVaultFull: (sinceMillis: number) => boolean;
  readonly #dead = new Set<number>();
  #custodianMillis = 0;

  /** `workers`: how many the daemon has. */
  constructor(
    daemon: { readonly supervisor: number; readonly runtimeDir: string; readonly workers: number },
    isVaultFull: (sinceMillis: number) => boolean,
  ) {
    this.#supervisor = daemon.supervisor;
    this.#workers = daemon.workers;
    this.#control = new Control(unixEndpoint(join(daemon.runtimeDir, GRPC_SOCKET)), CALL_MILLIS_MAX);
    this.#isVaultFull = isVaultFull;
  }

  strike(strike: Strike): Struck {
    const engine = findRole(this.#supervisor, 'engine');
    const workers = engine === undefined ? [] : childrenOf(engine);
    let nextWorker = strike.worker;
    const pidOf = (target: Target): number | undefined =>
      target === 'worker' ? workers[nextWorker++ % workers.length] : findRole(this.#supervisor, target);
    const found = strike.targets.map((target) => ({ target, pid: pidOf(target) }));
    const fromMillis = Date.now();
    const victims = found.flatMap(({ target, pid }) =>
      pid !== undefined && this.#hit(pid, strike.signal) ? [{ target, pid }] : [],
    );
    if (victims.some(({ target }) => target === 'custodian')) this.#custodianMillis = fromMillis;
    return { strike, fromMillis, tillMillis: Date.now(), victims };
  }

  #hit(pid: number, signal: NodeJS.Signals): boolean {
    try {
      process.kill(pid, signal);
    } catch {
      // It was faster.
      return false;
    }
    this.#dead.add(pid);
    return true;
  }

  /** Resolves when all processes are there, know each other, and serve. Rejects with what is missing after a while. */
  async recovery(): Promise<void> {
    const endMillis = performance.now() + RECOVERY_MILLIS_MAX;
    for (;;) {
      const missing = await this.#missing();
      if (missing === undefined) return;
      if (performance.now() > endMillis)
        throw new Error(`the daemon has not recovered within ${RECOVERY_MILLIS_MAX} ms: ${missing}`);
      await sleep(POLL_MILLIS);
    }
  }

  /** undefined if nothing is. */
  async #missing(): Promise<string | undefined> {
    const pids = daemonRoles.map((role) => findRole(this.#supervisor, role));
    const away = daemonRoles.find((_, index) => pids[index] === undefined || this.#dead.has(pids[index]));
    if (away !== undefined) return `there is no other ${away}`;
    const workers = childrenOf(pids[1] as number).filter((pid) => !this.#dead.has(pid));
    if (workers.length !== this.#workers) return `there are ${workers.length} workers`;
    try {
      const { processes } = await this.#control.call('GetStatus', {}, 'read the status');
      const unknown = processes.find(({ pid, isConnected }) => !isConnected || !pids.includes(pid));
      if (unknown !== undefined) return `the ${unknown.name} is not connected`;
      const { devices } = await this.#control.call('ListDevices', {}, 'list the devices');
      const device = devices.find(({ state }) => state !== 'DEVICE_STATE_READY');
      if (device !== undefined) return `${device.name} is ${device.state}`;
    } catch (error) {
      if (error instanceof WarpError) return error.message;
      throw error;
    }
    return this.#isVaultFull(this.#custodianMillis) ? undefined : 'the custodian has not all descriptors';
  }

  /** Resolves when nothing of any client is left in the daemon; rejects with what there is. */
  async emptiness(limitMillis: number): Promise<void> {
    const endMillis = performance.now() + limitMillis;
    for (;;) {
      const left = await this.#leftovers();
      if (left.length === 0) return;
      if (performance.now() > endMillis) throw new Error(`left in the daemon: ${left.join(', ')}`);
      await sleep(POLL_MILLIS);
    }
  }

  async #leftovers(): Promise<string[]> {
    const { channels, usage } = await this.#control.call('GetStatus', {}, 'read the status');
    const { queues } = await this.#control.call('ListQueues', {}, 'list the queues');
    const { devices } = await this.#control.call('ListDevices', {}, 'list the devices');
    const counts: (readonly [string, number])[] = [
      ['channels', channels],
      ['queues listed', queues.length],
      ...usage.map(({ resource, used }) => [`${resource} in the books`, used] as const),
      ...devices.flatMap(({ name, queuesLent, inFlight }) => [
        [`queues of ${name}`, queuesLent] as const,
        [`requests in ${name}`, inFlight] as const,
      ]),
    ];
    return counts.filter(([, count]) => count !== 0).map(([what, count]) => `${count} ${what}`);
  }

  close(): void {
    this.#control.close();
  }
}
