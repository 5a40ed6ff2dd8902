// Clients of earlier versions go on: those of test/released were written at a release, with every number of the contract and
// of the channel in them, and are never changed. Until the first release, the one of 0.1.0 says what that will have.

import { execFile, execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/shared/package-files.ts';
import { startDaemon, type TestDaemon } from '../fixtures/daemon.ts';

/** Debian's, whatever else is in PATH. */
const PYTHON = '/usr/bin/python3';
const folder = join(packageRoot, 'test/released');
const clients = readdirSync(folder);

function hasGrpc(): boolean {
  try {
    execFileSync(PYTHON, ['-c', 'import grpc'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon();
});
afterAll(async () => {
  expect(await daemon.stop()).toBe(0);
});

// .ci/run installs it; there its absence is a failure.
describe.runIf(hasGrpc() || process.env['CI'] !== undefined)('a client of an earlier version', () => {
  it.each(clients)('%s does what it did', async (name) => {
    const { stdout } = await promisify(execFile)(PYTHON, [join(folder, name), daemon.runtimeDir]);
    expect(stdout.trim().split('\n')).toEqual([
      'channel: 8 slots',
      'sha-256: 20 of 20 right',
      'unknown operation: 2',
      'closed: 0',
    ]);
  });

  it('is there for each released contract', () => {
    const contracts = readdirSync(join(packageRoot, 'proto/released'));
    expect(clients.map((name) => name.replace(/\.py$/, ''))).toEqual(
      contracts.map((name) => name.replace(/\.json$/, '')),
    );
  });
});
