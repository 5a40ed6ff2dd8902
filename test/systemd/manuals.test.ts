// The manual pages and the completion of the shell, as their readers take them.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { program } from '../../src/cli/program.ts';
import { sections } from '../../src/daemon/config/schema.ts';
import { packageRoot } from '../../src/shared/package-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'warpdrive-test-'));

beforeAll(() => {
  execFileSync(process.execPath, [join(packageRoot, 'scripts/generate-manuals.mjs'), folder]);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** As the terminal shows it, in one line. */
function rendered(name: string): string {
  const args = ['-man', '-Tascii', '-ww', '-P-cbou', join(folder, 'man', name)];
  const { stdout, stderr, error } = spawnSync('groff', args, { encoding: 'utf8' });
  if (error !== undefined) throw new Error('groff is needed (Debian: apt install groff-base)');
  expect(stderr).toBe('');
  return stdout.replaceAll(/-\n\s+/g, '').replaceAll(/\s+/g, ' ');
}

describe('the manual pages', () => {
  it('are one for each command and one for the configuration, without a mistake in their form', () => {
    const names = ['warpctl.1', 'warpdrived.8', 'warpdrived.toml.5'];
    expect(readdirSync(join(folder, 'man')).sort()).toEqual(names);
    for (const name of names) expect(rendered(name)).toContain('NAME');
  });

  it('have every command of warpctl and every key of the configuration', () => {
    const commands = rendered('warpctl.1');
    for (const command of program.commands) expect(commands).toContain(`warpctl ${command.name()}`);
    const keys = rendered('warpdrived.toml.5');
    for (const section of sections) for (const key of Object.keys(section.keys)) expect(keys).toContain(key);
  });

  it('are named by the package, each', () => {
    const { man } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { man: string[] };
    expect(new Set(man.map((path) => path.split('/').at(-1)))).toEqual(
      new Set(readdirSync(join(folder, 'man'))),
    );
  });
});

function complete(command: string, ...words: readonly string[]): string[] {
  const script = `
    . "$1"; shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    _${command}; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const args = ['-c', script, 'bash', join(folder, 'completions', command), command, ...words];
  return execFileSync('bash', args, { encoding: 'utf8', cwd: join(packageRoot, 'docs') })
    .trim()
    .split('\n');
}

describe('the completion of bash', () => {
  it.each([
    ['warpctl', ['de'], ['devices']],
    ['warpctl', ['mdev', ''], ['types', 'list', 'create', 'remove', '-h', '--help']],
    ['warpctl', ['revoke', '--g'], ['--grace']],
    ['warpctl', ['--json', 'reload', '--d'], ['--dry-run']],
    ['warpctl', ['gzip', 'SD'], ['SDK.md']],
    ['warpdrived', ['eng'], ['engine']],
    ['warpdrived', ['--log-level', 'w'], ['warn']],
    ['warpdrived', ['--config', 'SD'], ['SDK.md']],
  ])('of %s %j offers %j', (command, words, offered) => {
    expect(complete(command, ...words)).toEqual(offered);
  });
});
