// Writes attributes of sysfs whose write may block for as long as somebody else likes: `remove` of an mdev returns when
// its last descriptor is closed. So a short-lived process writes, and its caller waits no longer than it wants to.

import { spawn } from 'node:child_process';

/** The program of the helper: says when it begins to write; the exit code is the error number. */
const WRITE = `
const { writeFileSync, writeSync } = require('node:fs');
writeSync(1, '.');
try {
  writeFileSync(process.argv[1], process.argv[2]);
} catch (error) {
  process.exit(Math.abs(error.errno ?? 255) & 0xff);
}`;

/** Starting a process says nothing of the kernel's patience: it has a time of its own, milliseconds. */
const START_MILLIS_MAX = 60_000;

/** 0, the error number, or 'late': the write goes on by itself, and ends when what it waits for does. */
export function writeSysfs(
  path: string,
  text: string,
  options: { readonly deadlineMillis: number },
): Promise<number | 'late'> {
  const child = spawn(process.execPath, ['-e', WRITE, path, text], { stdio: ['ignore', 'pipe', 'ignore'] });
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      // Where it can be killed at all it has not written.
      child.kill('SIGKILL');
      child.stdout.destroy();
      child.unref();
      resolve('late');
    };
    let timer = setTimeout(giveUp, START_MILLIS_MAX);
    child.stdout.once('data', () => {
      clearTimeout(timer);
      timer = setTimeout(giveUp, options.deadlineMillis);
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      clearTimeout(timer);
      resolve(code ?? 'late');
    });
  });
}
