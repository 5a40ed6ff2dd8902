import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/shared/package-files.ts';
import { startDaemon, type TestDaemon } from '../fixtures/daemon.ts';

let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await startDaemon();
});
afterAll(async () => {
  expect(await daemon.stop()).toBe(0);
});

describe('README.md', () => {
  it('has an example that runs as it stands', () => {
    const [, example] =
      /```js\n([\s\S]*?)```/.exec(readFileSync(join(packageRoot, 'README.md'), 'utf8')) ?? [];
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', example ?? ''], {
      cwd: packageRoot,
      encoding: 'utf8',
      env: { ...process.env, WARPDRIVE_RUNTIME_DIR: daemon.runtimeDir },
    });
    expect(stderr).toBe('');
    expect(stdout.trim()).toBe(createHash('sha256').update('hello').digest('hex'));
  });
});
