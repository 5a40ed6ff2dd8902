import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configurationSchema } from '../../src/daemon/config/schema.ts';
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

describe('docs/CONFIG.md', () => {
  it('has a row for each key, with its default', () => {
    const page = readFileSync(join(packageRoot, 'docs/CONFIG.md'), 'utf8');
    const { devices, limits } = configurationSchema.parse({ devices: { soft0: { driver: 'soft' } } });
    const { soft0 } = devices;
    if (soft0?.driver !== 'soft') throw new Error('soft0 is a soft device');
    const { driver: _driver, queues: _queues, faults, backend, request_millis_max } = soft0;
    const defaults = { ...limits, ...faults, backend: `\`"${backend}"\``, request_millis_max };
    for (const [key, value] of Object.entries(defaults)) {
      expect(page).toMatch(new RegExp(`\\| \`${key}\` \\|( soft \\|)? ${value} \\|`));
    }
    for (const key of ['driver', 'queues']) expect(page).toContain(`| \`${key}\` |`);
  });
});
