// Starts tenants' programs (children/tenant.mjs) as other users, and talks to them.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SpimdevDevice } from '../../../src/daemon/custodian/spimdev-device.ts';
import { mapFor, TestRegion } from './rig.ts';

const PROGRAM = fileURLToPath(new URL('./children/tenant.mjs', import.meta.url));

interface Reply {
  readonly answer?: unknown;
  readonly error?: string;
}

export class Tenant {
  readonly queueId: number;
  readonly region: TestRegion;
  /** Where the device sees the region. */
  readonly address: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, queueId: number, region: TestRegion, address: number) {
    this.#child = child;
    this.queueId = queueId;
    this.region = region;
    this.address = address;
  }

  /** Hands a queue of the device and a region to a process of another user. */
  static async start(device: SpimdevDevice, uid: number, bytes = 16_384): Promise<Tenant> {
    const region = new TestRegion(bytes);
    const address = await mapFor(device, region.memory, bytes);
    const { id, fd } = await device.takeQueue();
    const child = spawn(process.execPath, [PROGRAM, String(bytes), String(address)], {
      uid,
      gid: uid,
      cwd: '/',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', fd.number, region.memory.number],
    });
    fd.close();
    const tenant = new Tenant(child, id, region, address);
    await tenant.#reply();
    return tenant;
  }

  async ask<T>(command: string, options: object = {}): Promise<T> {
    const reply = this.#reply();
    this.#child.send({ command, ...options });
    const { answer, error } = await reply;
    if (error !== undefined) throw new Error(error);
    return answer as T;
  }

  async kill(): Promise<void> {
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await exited;
  }

  /** Ends the program, and what was its. */
  async end(device: SpimdevDevice): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill();
    await device.returnQueue(this.queueId);
    await device.unmapMemory(this.address);
    this.region.close();
  }

  #reply(): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`the tenant ended with ${code}`));
      this.#child.once('exit', onExit);
      this.#child.once('message', (reply) => {
        this.#child.off('exit', onExit);
        resolve(reply as Reply);
      });
    });
  }
}
