// The npm package: packed, installed into an empty project, and used from there.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../src/shared/package-files.ts';

const program = `
import { connect, gzip } from 'warpdrive';
const connection = await connect();
const packed = await gzip(connection, Buffer.from('packed '.repeat(1000)));
console.log((await import('node:zlib')).gunzipSync(packed.data).toString().slice(0, 6));
await connection.close();
`;

it('installs into an empty project, where its commands, its SDK and its manual pages are', () => {
  const folder = mkdtempSync(join(tmpdir(), 'warpdrive-test-'));
  const npm = (...args: readonly string[]): string =>
    execFileSync('npm', [...args, '--silent'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  try {
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
    // What is packed was built already, and is in use by other tests.
    const tarball = npm('pack', packageRoot, '--ignore-scripts').trim().split('\n').at(-1) ?? '';
    npm('install', '--no-audit', '--no-fund', '--prefer-offline', join(folder, tarball));
    writeFileSync(join(folder, 'program.js'), program);
    const bin = join(folder, 'node_modules/.bin');
    const installed = join(folder, 'node_modules/warpdrive');
    for (const path of ['dist/man/warpctl.1', 'systemd/warpdrive.target', 'Makefile', 'docs/OPERATIONS.md'])
      expect(existsSync(join(installed, path)), path).toBe(true);
    expect(existsSync(join(installed, 'test'))).toBe(false);

    const runtimeDir = join(folder, 'run');
    const script = `
      "$1/warpdrived" --runtime-dir "$2" > "$2.log" 2>&1 & daemon=$!
      until grep -q ^READY "$2.log"; do kill -0 $daemon || exit 9; done
      node program.js; code=$?
      "$1/warpctl" --json devices > devices.json || code=8
      kill $daemon; wait $daemon
      exit $code`;
    const output = execFileSync('sh', ['-c', script, 'sh', bin, runtimeDir], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, WARPDRIVE_RUNTIME_DIR: runtimeDir },
    });
    expect(output.trim()).toBe('packed');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
