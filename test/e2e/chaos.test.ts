// The chaos test in short: a seed that is always the same, and one that never is.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/shared/package-files.ts';

const main = join(packageRoot, 'dist/test/chaos/main.js');

interface Report {
  readonly defects: readonly string[];
  readonly requests: number;
  readonly found: Readonly<Record<'queued' | 'rerun' | 'interrupted' | 'unreaped', number>>;
}

function runChaos(
  ...options: readonly string[]
): Promise<{ code: number | null; report: Report; told: string }> {
  const child = spawn(process.execPath, [main, '--json', ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let told = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told += text));
  return new Promise((resolve, reject) => {
    child.once('close', (code) => {
      if (output === '') reject(new Error(told));
      else resolve({ code, report: JSON.parse(output) as Report, told });
    });
  });
}

describe('while processes of the daemon are killed and stopped at random', () => {
  it.each([
    ['the same as always', ['--seed', '1']],
    ['another each time', []],
  ])(
    'nothing is lost: a seed that is %s',
    async (_, seed) => {
      const { code, report, told } = await runChaos('--seconds', '8', '--clients', '2', ...seed);
      console.log(told.split('\n', 1)[0]);
      expect(report.defects, told).toEqual([]);
      expect(code).toBe(0);
      expect(report.requests).toBeGreaterThan(0);
      for (const kind of ['queued', 'rerun', 'interrupted', 'unreaped'] as const)
        expect(report.found[kind], kind).toBeGreaterThan(0);
    },
    400_000,
  );
});
