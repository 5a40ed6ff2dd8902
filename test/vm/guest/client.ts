// Starts programs that use the daemon as other users (children/client.mjs), and talks to them.

import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./children/client.mjs', import.meta.url));

export interface Outcome {
  readonly code: string;
  readonly produced?: number;
  readonly result?: number;
  readonly ran?: string;
}

/** What a client was refused. */
class Refused extends Error {
  override name = 'Refused';
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** One client for each user, started when it is first wanted: starting a program takes longer than most tests. */
export class Clients {
  readonly #runtimeDir: string;
  readonly #byUid = new Map<number, Client>();

  constructor(runtimeDir: string) {
    this.#runtimeDir = runtimeDir;
  }

  async of(uid: number): Promise<Client> {
    let client = this.#byUid.get(uid);
    if (client === undefined) {
      client = await Client.start(this.#runtimeDir, uid);
      this.#byUid.set(uid, client);
    }
    return client;
  }

  async kill(uid: number): Promise<void> {
    await this.#byUid.get(uid)?.kill();
    this.#byUid.delete(uid);
  }

  /** All give back what they have. */
  async reset(): Promise<void> {
    for (const client of this.#byUid.values()) await client.ask('reset');
  }

  async end(): Promise<void> {
    for (const uid of this.#byUid.keys()) await this.kill(uid);
  }
}

class Client {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(runtimeDir: string, uid: number): Promise<Client> {
    const child = spawn(process.execPath, [PROGRAM, runtimeDir], {
      uid,
      gid: uid,
      cwd: '/',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const client = new Client(child);
    await client.#reply();
    return client;
  }

  /** One at a time. */
  async ask<T>(command: string, options: object = {}): Promise<T> {
    const reply = this.#reply();
    this.#child.send({ command, ...options });
    const { answer, error, code = '' } = await reply;
    if (error !== undefined) throw new Refused(error, code);
    return answer as T;
  }

  /** A region of two pages or more, with a text at its beginning. */
  async share(name: string, text: string, bytes = 16_384): Promise<void> {
    await this.ask('share', { name, bytes });
    await this.ask('fill', { region: name, text });
  }

  /** Copies the beginning of a region to another place in it, and tells what is there then. */
  async copy(
    queue: string,
    region: string,
    length: number,
    to = 8192,
  ): Promise<Outcome & { readonly text: string }> {
    const outcome = await this.ask<Outcome>('run', copyOf(queue, region, length, to));
    return { ...outcome, text: await this.ask<string>('read', { region, offset: to, length }) };
  }

  /** The same without waiting for it; `finish` tells the outcome of that name. */
  async begin(name: string, queue: string, region: string, length: number, to = 8192): Promise<void> {
    await this.ask('begin', { name, ...copyOf(queue, region, length, to) });
  }

  /** What its descriptors stand for, as root sees it. */
  files(): string[] {
    const folder = `/proc/${this.#child.pid}/fd`;
    return readdirSync(folder).map((name) => readlinkSync(`${folder}/${name}`));
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await exited;
  }

  #reply(): Promise<{ answer?: unknown; error?: string; code?: string }> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`the client ended with ${code}`));
      this.#child.once('exit', onExit);
      this.#child.once('message', (reply) => {
        this.#child.off('exit', onExit);
        resolve(reply as { answer?: unknown });
      });
    });
  }
}

function copyOf(queue: string, region: string, length: number, to: number): object {
  const source = { region, bytes: length };
  return { queue, operation: 'copy', source, destination: { ...source, offset: to } };
}
