// The daemon in a guest, with its processes started one by one, as systemd does: the supervisor's limits of time are for
// processors that are not emulated.

import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, chmodSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { daemonMain } from '../../fixtures/daemon.ts';

const roles = ['custodian', 'engine', 'broker'] as const;
export type Role = (typeof roles)[number];

export class GuestDaemon {
  readonly runtimeDir: string;
  readonly #children = new Map<Role, ChildProcess>();
  readonly #listeners = new Set<() => void>();
  #log = '';

  static async start(configuration: string): Promise<GuestDaemon> {
    const daemon = new GuestDaemon();
    writeFileSync(join(daemon.runtimeDir, 'warpdrived.toml'), configuration);
    for (const role of roles) await daemon.#startRole(role);
    return daemon;
  }

  private constructor() {
    this.runtimeDir = mkdtempSync(join(tmpdir(), 'warpdrive-test-'));
    // Others are clients.
    chmodSync(this.runtimeDir, 0o755);
  }

  get log(): string {
    return this.#log;
  }

  get pids(): number[] {
    return [...this.#children.values()].map(({ pid }) => pid ?? 0);
  }

  /** Resolves when the log has a line that matches, from a place in it on. */
  logged(pattern: RegExp, from = 0): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!pattern.test(this.#log.slice(from))) return;
        this.#listeners.delete(check);
        resolve();
      };
      this.#listeners.add(check);
      check();
    });
  }

  /** Kills a process, and has another one in its place. */
  async replace(role: Role): Promise<void> {
    await this.#end(role, 'SIGKILL');
    await this.#startRole(role);
  }

  async stop(): Promise<void> {
    for (const role of [...roles].reverse()) await this.#end(role, 'SIGTERM');
  }

  async #startRole(role: Role): Promise<void> {
    const from = this.#log.length;
    const config = join(this.runtimeDir, 'warpdrived.toml');
    const options = ['--runtime-dir', this.runtimeDir, '--config', config, '--log-level', 'info'];
    const child = spawn(process.execPath, [daemonMain, role, ...options], {
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    this.#children.set(role, child);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
      // For whoever looks at a failure.
      appendFileSync('/run/exchange/daemon.log', text);
      for (const listener of this.#listeners) listener();
    });
    const ended = new Promise<never>((_, reject) => {
      child.once('exit', (code) => reject(new Error(`the ${role} ended with ${code}:\n${this.#log}`)));
    });
    ended.catch(() => {});
    await Promise.race([ended, this.logged(new RegExp(`"msg":"${role} ready"`), from)]);
  }

  async #end(role: Role, signal: NodeJS.Signals): Promise<void> {
    const child = this.#children.get(role);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await exited;
  }
}
