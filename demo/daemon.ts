// The daemon of the demo: runs as the caller, with software devices only, all its files in one folder.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { endChild } from '../bench/children.ts';

const START_MILLIS_MAX = 30_000;
const STOP_MILLIS_MAX = 15_000;
const LOG_TAIL_BYTES = 2_000;

/** No hardware, even where the caller is root. */
const CONFIGURATION = `[devices.soft0]
driver = "soft"

[devices.null0]
driver = "null"
`;

type DaemonProcess = ChildProcessByStdio<null, Readable, null>;

export interface Daemon {
  readonly runtimeDir: string;
  stop(): Promise<void>;
}

/** Starts the daemon in `folder` and waits until it serves. Throws when it doesn't, or `signal` says to stop. */
export async function startDaemon(folder: string, signal: AbortSignal): Promise<Daemon> {
  const runtimeDir = join(folder, 'run');
  const config = join(folder, 'warpdrived.toml');
  const log = join(folder, 'warpdrived.log');
  mkdirSync(runtimeDir, { mode: 0o700 });
  writeFileSync(config, CONFIGURATION);
  const logFd = openSync(log, 'a', 0o600);
  const program = fileURLToPath(new URL('../src/daemon/main.js', import.meta.url));
  const options = ['--runtime-dir', runtimeDir, '--config', config, '--log-level', 'warn'];
  // A process group of its own: Ctrl-C is for the demo, which ends the daemon last.
  const child = spawn(process.execPath, [program, ...options], {
    stdio: ['ignore', 'pipe', logFd, 'ipc'],
    detached: true,
  }) as DaemonProcess;
  closeSync(logFd);
  const stop = (): Promise<void> => endChild(child, () => child.kill('SIGTERM'), STOP_MILLIS_MAX);
  try {
    await untilReady(child, signal);
  } catch (cause) {
    await stop();
    const tail = readFileSync(log, 'utf8').slice(-LOG_TAIL_BYTES);
    throw new Error(`the daemon did not start: ${(cause as Error).message}\n${tail}`, { cause });
  }
  return { runtimeDir, stop };
}

function untilReady(child: DaemonProcess, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`it was not ready within ${START_MILLIS_MAX / 1000} s`)),
      START_MILLIS_MAX,
    );
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('READY ')) return;
      clearTimeout(timer);
      resolve();
    });
    child.once('error', reject);
    child.once('exit', () => {
      clearTimeout(timer);
      reject(new Error('it ended before it was ready'));
    });
    signal.addEventListener('abort', () => reject(new Error('interrupted')));
  });
}
