// A yardstick: how long a Node process takes until it runs its first line of JavaScript and can say so.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { percentile } from '../statistics.ts';
import { serveTurns } from '../turns.ts';

await serveTurns(async (starts) => {
  const samples: number[] = [];
  while (samples.length < starts) {
    const before = performance.now();
    const child = spawn(process.execPath, ['-e', 'process.stdout.write("x")'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(child.stdout, 'data');
    samples.push(performance.now() - before);
    if (child.exitCode === null) await once(child, 'exit');
  }
  samples.sort((a, b) => a - b);
  return { p50: percentile(samples, 0.5) * 1e3 };
});
