// Writes attributes of sysfs whose write may block for as long as somebody else likes: `remove` of an mdev returns when
// its last descriptor is closed. So a short-lived process writes, and the custodian waits no longer than it wants to.

import { spawn } from 'node:child_process';

/** The program of the helper: the exit code is the error number. */
const WRITE = `
try {
  require('node:fs').writeFileSync(process.argv[1], process.argv[2]);
} catch (error) {
  process.exit(Math.abs(error.errno ?? 255) & 0xff);
}`;

/** 0, the error number, or 'late': the write goes on by itself, and ends when what it waits for does. */
export function writeSysfs(
  path: string,
  text: string,
  options: { readonly deadlineMillis: number },
): Promise<number | 'late'> {
  const child = spawn(process.execPath, ['-e', WRITE, path, text], { stdio: 'ignore' });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      // Where it can be killed at all it has not written.
      child.kill('SIGKILL');
      child.unref();
      resolve('late');
    }, options.deadlineMillis);
    child.once('error', reject);
    child.once('exit', (code) => {
      clearTimeout(timer);
      resolve(code ?? 'late');
    });
  });
}
