// A client in another language: Debian's python3-grpcio with code made from the committed contract.

import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/shared/package-files.ts';
import { startDaemon, type TestDaemon } from '../fixtures/daemon.ts';

/** Debian's, whatever else is in PATH. */
const PYTHON = '/usr/bin/python3';
const client = fileURLToPath(new URL('./python-client.py', import.meta.url));

function hasGrpc(): boolean {
  try {
    execFileSync(PYTHON, ['-c', 'import grpc, grpc_tools'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

// .ci/run installs it; there its absence is a failure.
const isPossible = hasGrpc() || process.env['CI'] !== undefined;

let daemon: TestDaemon;
let generated: string;

beforeAll(async () => {
  daemon = await startDaemon();
  generated = mkdtempSync(join(tmpdir(), 'warpdrive-python-'));
});
afterAll(async () => {
  rmSync(generated, { recursive: true });
  expect(await daemon.stop()).toBe(0);
});

test.runIf(isPossible)('a program in Python compresses, hashes, uses a region and reads errors', async () => {
  const proto = ['-I', join(packageRoot, 'proto'), 'warpdrive/v1/warpdrive.proto'];
  const out = [`--python_out=${generated}`, `--grpc_python_out=${generated}`];
  execFileSync(PYTHON, ['-m', 'grpc_tools.protoc', ...out, ...proto]);
  const socket = join(daemon.runtimeDir, 'warpdrive.sock');
  const { stdout } = await promisify(execFile)(PYTHON, [client, socket], {
    env: { ...process.env, PYTHONPATH: generated },
  });
  expect(stdout.trim().split('\n')).toEqual([
    'devices: null0 soft0',
    'sha-256: right',
    'gzip of 3000000 bytes: right',
    'region: right',
    'unknown queue: UNKNOWN_QUEUE',
    'unknown algorithm: NOT_FOUND NO_SUCH_ALGORITHM warpdrive',
    'health: SERVING',
    'end: OK',
  ]);
});
