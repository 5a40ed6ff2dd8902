// The configuration in force: read when the custodian starts, and again when somebody says so. A file that is not valid
// changes nothing.
//
// What is in force is kept in the runtime folder too, for a custodian that is started again while the file is broken:
// the daemon goes on with what it had. A daemon that stops in order leaves none.

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { WarpError } from '../../shared/errors.ts';
import { describeChanges } from '../config/changes.ts';
import { readConfiguration } from '../config/config.ts';
import { type Configuration, configurationSchema } from '../config/schema.ts';
import { requestBytesMax } from '../config/tenants.ts';

/** In the runtime folder. */
const KEPT_FILE = 'custodian/configuration.json';

/** Who is told of another configuration; resolves when it holds there. */
export type Follower = (configuration: Configuration) => Promise<unknown>;

export interface ReloadOptions {
  /** Only tells what would change. */
  readonly isDry: boolean;
  /** On whose behalf, for the log. */
  readonly by: Readonly<Record<string, unknown>>;
}

export class ConfigurationInForce {
  readonly #path: string | undefined;
  readonly #keptPath: string;
  readonly #log: Logger;
  #current: Configuration;
  #isReloading = false;
  readonly followers = new Set<Follower>();

  /** Throws CONFIG_INVALID if the file is not valid and nothing was in force before. */
  constructor(path: string | undefined, runtimeDir: string, log: Logger) {
    this.#path = path;
    this.#keptPath = join(runtimeDir, KEPT_FILE);
    this.#log = log;
    this.#current = this.#readFirst();
    this.#keep(this.#current);
  }

  get current(): Configuration {
    return this.#current;
  }

  #readFirst(): Configuration {
    try {
      return readConfiguration(this.#path);
    } catch (error) {
      const kept = this.#readKept();
      if (kept === undefined) throw error;
      this.#log.error(
        { err: error },
        'the configuration file is not valid any more: going on with the one that was in force',
      );
      return kept;
    }
  }

  #readKept(): Configuration | undefined {
    try {
      return configurationSchema.parse(JSON.parse(readFileSync(this.#keptPath, 'utf8')));
    } catch {
      // There is none, or another version of the daemon has left it.
      return undefined;
    }
  }

  /** Without it the next custodian depends on the file: worth a line in the log, not an end. */
  #keep(configuration: Configuration): void {
    const fresh = `${this.#keptPath}.new`;
    try {
      rmSync(fresh, { force: true });
      writeFileSync(fresh, JSON.stringify(configuration), { mode: 0o600, flag: 'wx' });
      renameSync(fresh, this.#keptPath);
    } catch (error) {
      this.#log.warn({ err: error }, 'the configuration in force could not be kept in the runtime folder');
    }
  }

  /**
   * Reads the file again and puts it into force; returns what changes, a line for each key. Throws CONFIG_INVALID, and
   * RELOADING while another reload is under way; then what was in force stays.
   */
  async reload({ isDry, by }: ReloadOptions): Promise<string[]> {
    if (this.#isReloading) throw new WarpError('RELOADING', { operation: 'reload the configuration' });
    this.#isReloading = true;
    try {
      const before = this.#current;
      const next = readConfiguration(this.#path);
      const changes = [...describeChanges(before, next), ...describeRestarts(before, next)];
      if (isDry) return changes;
      this.#current = next;
      this.#keep(next);
      this.#log.info({ audit: true, ...by, changes }, 'configuration reloaded');
      await Promise.all([...this.followers].map((follow) => follow(next)));
      return changes;
    } finally {
      this.#isReloading = false;
    }
  }

  /** For a daemon that stops: the next one begins with the file. */
  close(): void {
    rmSync(this.#keptPath, { force: true });
  }
}

/** What holds only when a process of the daemon is started again. */
function describeRestarts(from: Configuration, to: Configuration): string[] {
  const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
  const lines: string[] = [];
  if (!isSame(from.devices, to.devices))
    lines.push('! devices change when the engine is started again; until then they stay as they are');
  if (requestBytesMax(to) > requestBytesMax(from)) {
    const bytes = requestBytesMax(from);
    lines.push(`! requests of more than ${bytes} bytes can be sent when the engine is started again`);
  }
  for (const table of ['metrics', 'grpc'] as const) {
    if (!isSame(from[table], to[table]))
      lines.push(`! ${table}: what differs holds when the broker is started again`);
  }
  return lines;
}
