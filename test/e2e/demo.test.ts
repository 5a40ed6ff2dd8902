import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../fixtures/daemon.ts';

const program = fileURLToPath(new URL('../../dist/demo/main.js', import.meta.url));

let temporary: string;

beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), 'demo-test-'));
});

afterEach(() => {
  rmSync(temporary, { recursive: true, force: true });
});

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `interrupt`: sends a signal as soon as the demo's daemon serves. */
async function runDemo(args: readonly string[], interrupt?: NodeJS.Signals): Promise<Run> {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', resolve);
  });
  if (interrupt !== undefined) {
    await eventually('a client', () => processesOf(temporary).some((line) => line.includes('client.js')));
    child.kill(interrupt);
  }
  return { code: await ended, stdout, stderr };
}

/** Command lines and environments of processes that belong to a run: its temporary folder is in both. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        return environment.includes(folder) ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8')] : [];
      } catch {
        // It has ended meanwhile, or is somebody else's.
        return [];
      }
    });
}

function expectNothingLeft(): void {
  expect(readdirSync(temporary)).toEqual([]);
  expect(processesOf(temporary)).toEqual([]);
}

test('the demo works, checks everything, reports, and leaves nothing', { timeout: 120_000 }, async () => {
  const { code, stdout, stderr } = await runDemo(['--json', '--clients', '2', '--megabytes', '1']);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const report = JSON.parse(stdout) as { bytes: number; operations: { name: string }[] };
  expect(report).toMatchObject({
    clients: 2,
    isAllRight: true,
    roundTrips: { minMicros: expect.any(Number), medianMicros: expect.any(Number) },
    devices: expect.arrayContaining([expect.objectContaining({ name: 'soft0', failed: 0 })]),
  });
  expect(report.bytes).toBeGreaterThanOrEqual(2e6);
  expect(report.operations.map(({ name }) => name)).toEqual([
    'gzip',
    'gunzip',
    'gcm-encrypt',
    'gcm-decrypt',
    'cbc-encrypt',
    'cbc-decrypt',
    'sha-256',
    'sha-512',
  ]);
  for (const operation of report.operations)
    expect(operation).toMatchObject({ bytes: report.bytes, isChecked: true, library: expect.any(String) });
  expectNothingLeft();
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'a demo that %s interrupts leaves nothing',
  { timeout: 120_000 },
  async (signal) => {
    const { code, stdout, stderr } = await runDemo(['--clients', '2', '--megabytes', '20'], signal);
    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: 'demo: interrupted\n' });
    expectNothingLeft();
  },
);

test('a mistake on the command line starts nothing', async () => {
  const { code, stderr } = await runDemo(['--clients', 'many']);
  expect(code).toBe(1);
  expect(stderr).toContain('whole number');
  expectNothingLeft();
});
