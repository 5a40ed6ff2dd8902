// The daemon under measurement: started by the bench in a folder of its own, stopped and swept away at the end.
// It runs as the caller, without privileges or hardware devices; or it is the installed service of a host that can be spared.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { chmodSync, chownSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { restartInstalled } from '../test/chaos/installed.ts';
import { endChild } from './children.ts';
import { holdChannels } from './holders.ts';
import { tenantsConfiguration } from './tenants.ts';

const START_MILLIS_MAX = 30_000;
const STOP_MILLIS_MAX = 15_000;
const LOG_TAIL_BYTES = 2_000;

/**
 * `auto`: with the fastest libraries of the host; `node`: with node's own; `single`: the one whose soft device has one worker, so that of two cores one is left for client and engine; `tenants`: in
 * which clients say which tenant they are; `crowd`: with many idle queues.
 */
export type DaemonKind = 'auto' | 'node' | 'single' | 'tenants' | 'crowd';

const CROWD = { channels: 1_000, slots: 64, queues: 10 };

/** The user "nobody": tenants can't be declared to a daemon of root. */
const UNPRIVILEGED = 65_534;

export interface Daemon {
  readonly runtimeDir: string;
  stop(): Promise<unknown>;
}

/** Starts a daemon below `folder` and waits until it is ready. */
export async function startDaemon(kind: DaemonKind, folder: string): Promise<Daemon> {
  const runtimeDir = join(folder, `run-${kind}`);
  const config = join(folder, `${kind}.toml`);
  const log = join(folder, `${kind}.log`);
  mkdirSync(runtimeDir, { mode: 0o700, recursive: true });
  writeFileSync(config, configOf(kind));
  const asOther = kind === 'tenants' && process.getuid?.() === 0 ? UNPRIVILEGED : undefined;
  if (asOther !== undefined) {
    chownSync(runtimeDir, asOther, asOther);
    for (const path of [folder, runtimeDir]) chmodSync(path, 0o755);
  }
  const logFd = openSync(log, 'a', 0o600);
  const program = fileURLToPath(new URL('../src/daemon/main.js', import.meta.url));
  const child = spawn(
    process.execPath,
    [program, '--runtime-dir', runtimeDir, '--config', config, '--log-level', 'warn'],
    {
      stdio: ['ignore', 'pipe', logFd, 'ipc'],
      ...(asOther === undefined ? {} : { uid: asOther, gid: asOther }),
    },
  ) as ChildProcessByStdio<null, Readable, null>;
  closeSync(logFd);
  const stop = () => endChild(child, () => child.kill('SIGTERM'), STOP_MILLIS_MAX);
  try {
    await untilReady(child.stdout);
  } catch (cause) {
    await stop();
    const tail = readFileSync(log, 'utf8').slice(-LOG_TAIL_BYTES);
    throw new Error(`the daemon did not become ready\n${tail}`, { cause });
  }
  return withNeighbours(kind, { runtimeDir, stop });
}

/** Starts the installed service anew with the configuration of a kind, as root; it is stopped in the end. */
export async function startInstalled(kind: DaemonKind): Promise<Daemon> {
  return withNeighbours(kind, await restartInstalled(configOf(kind)));
}

/** A crowd's idle clients are part of its daemon: there from the start, gone before it. */
async function withNeighbours(kind: DaemonKind, daemon: Daemon): Promise<Daemon> {
  if (kind !== 'crowd') return daemon;
  const { runtimeDir } = daemon;
  const holders = await holdChannels(runtimeDir, CROWD);
  return { runtimeDir, stop: () => holders.end().then(() => daemon.stop()) };
}

function configOf(kind: DaemonKind): string {
  if (kind === 'tenants') return tenantsConfiguration;
  return (
    ['[devices.null0]', 'driver = "null"', '', '[devices.soft0]', 'driver = "soft"']
      .concat(kind === 'node' ? ['backend = "node"'] : [])
      .concat(kind === 'single' ? ['queues = 1'] : [])
      // Some figures connect more clients than one user has by default.
      .concat('', '[limits]', 'channels = 20_000', 'shared_bytes = 68_719_476_736')
      .join('\n')
      .concat('\n')
  );
}

async function untilReady(stdout: Readable): Promise<void> {
  const lines = createInterface({ input: stdout });
  const signal = AbortSignal.timeout(START_MILLIS_MAX);
  const isReady = new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => line.startsWith('READY') && resolve());
    lines.once('close', () => reject(new Error('it ended before it said READY')));
    signal.addEventListener('abort', () =>
      reject(new Error(`not within ${START_MILLIS_MAX / 1000} seconds`)),
    );
  });
  await isReady;
}
