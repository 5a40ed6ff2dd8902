// What administrators do: the Admin service. Root, and the user that the daemon runs as, on the daemon's host.

import { join } from 'node:path';
import type { ResponseFrom } from '../shared/grpc.ts';
import { findRuntimeDir, GRPC_SOCKET } from '../shared/runtime-paths.ts';
import { Control, unixEndpoint } from './control.ts';

export type TenantInfo = ResponseFrom<'Admin/ListTenants'>['tenants'][number];
export type MdevInfo = ResponseFrom<'Admin/ListMdevs'>['mdevs'][number];

export interface AdministrationOptions {
  /** The daemon's folder: as for `connect`. */
  readonly runtimeDir?: string;
  /** How long each call may take, milliseconds. 15000 by default: a device may take 10 seconds to drain. */
  readonly timeoutMillis?: number;
}

/** Each call throws PERMISSION_DENIED for whoever is no administrator, NO_DAEMON if none answers. */
export class Administration {
  readonly #control: Control;

  constructor({ runtimeDir, timeoutMillis = 15_000 }: AdministrationOptions = {}) {
    const folder = runtimeDir ?? findRuntimeDir(process.env, process.getuid?.() ?? 0);
    this.#control = new Control(unixEndpoint(join(folder, GRPC_SOCKET)), timeoutMillis);
  }

  /** Tenants that have something lent. */
  async tenants(): Promise<TenantInfo[]> {
    return (await this.#control.call('Admin/ListTenants', {}, 'list the tenants')).tenants;
  }

  async mdevs(): Promise<MdevInfo[]> {
    return (await this.#control.call('Admin/ListMdevs', {}, 'list the mediated devices')).mdevs;
  }

  /**
   * Takes a device out of use; resolves when it holds no request any more, with how many queues were taken back.
   * Throws NO_SUCH_DEVICE, DEADLINE_EXCEEDED.
   */
  async drain(device: string): Promise<number> {
    return (await this.#control.call('Admin/DrainDevice', { device }, `drain device "${device}"`)).queues;
  }

  /** Puts a drained device to use again. */
  async undrain(device: string): Promise<void> {
    await this.#control.call(
      'Admin/DrainDevice',
      { device, undo: true },
      `put device "${device}" to use again`,
    );
  }

  /**
   * Takes a channel back, or one queue of it. Requests that were taken from a channel may take `graceMillis` to
   * complete; the call doesn't wait for that. Throws NO_SUCH_CHANNEL, NO_SUCH_QUEUE.
   */
  async revoke(channel: number, queue = 0, graceMillis = 0): Promise<void> {
    const request = { channel, queue, graceMillis };
    await this.#control.call('Admin/RevokeLease', request, `take back channel ${channel}`);
  }

  /** Applies what has changed in the configuration; resolves with the changes. Throws CONFIG_INVALID, RELOADING. */
  async reload(isDryRun = false): Promise<readonly string[]> {
    const operation = 'reload the configuration';
    return (await this.#control.call('Admin/Reload', { dryRun: isDryRun }, operation)).changes;
  }

  close(): void {
    this.#control.close();
  }
}
