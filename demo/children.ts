// Ending a child process: asked first, killed when it doesn't listen.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Waits until the child is gone; nothing happens if it is already, or never was there. */
export async function endChild(child: ChildProcess, ask: () => void, patienceMillis: number): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  ask();
  const hangs = setTimeout(() => child.kill('SIGKILL'), patienceMillis);
  await ended;
  clearTimeout(hangs);
}
