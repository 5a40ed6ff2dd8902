// The units as systemd reads them: valid, and as closed as they claim to be.

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/shared/package-files.ts';

const folder = join(packageRoot, 'systemd');

/** "systemd-analyze security" counts from 0 to 10; its threshold is ten times that. */
const exposureMax = { 'custodian@': 1.5, 'engine@': 1.0, 'broker@': 1.0 } as const;

function analyze(...options: readonly string[]): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr, error } = spawnSync('systemd-analyze', options, { encoding: 'utf8' });
  if (error !== undefined) throw new Error('systemd-analyze is needed (Debian: apt install systemd)');
  return { status, output: `${stdout}${stderr}` };
}

describe('the units', () => {
  it.each(Object.entries(exposureMax))('warpdrive-%s.service is exposed by at most %d', (role, max) => {
    const unit = join(folder, `warpdrive-${role}.service`);
    const { status, output } = analyze('security', '--offline=true', `--threshold=${max * 10}`, unit);
    expect(output).toMatch(/Overall exposure level/);
    expect(status, output).toBe(0);
  });

  it.each(Object.keys(exposureMax))(
    'warpdrive-%s.service explains each directive that it leaves out',
    (role) => {
      const text = readFileSync(join(folder, `warpdrive-${role}.service`), 'utf8');
      const { output } = analyze(
        'security',
        '--offline=true',
        '--json=short',
        join(folder, `warpdrive-${role}.service`),
      );
      const checks = JSON.parse(output.slice(output.indexOf('['))) as {
        name: string;
        json_field: string;
        set: boolean | null;
      }[];
      const open = checks.filter(({ set, name }) => set === false && !isSetOtherwise(name, text));
      for (const { name } of open) expect(text, name).toContain(name.split(/[=/]/)[0]);
    },
  );

  it('are valid', () => {
    // "verify" looks for the programs too: here those of an installation stand in for them.
    const copies = mkdtempSync(join(tmpdir(), 'warpdrive-test-'));
    for (const name of readdirSync(folder).filter((name) => /\.(service|socket|target)$/.test(name))) {
      const text = readFileSync(join(folder, name), 'utf8');
      writeFileSync(
        join(copies, name),
        text.replaceAll(/\/usr\/bin\/warp\w+/g, process.execPath).replaceAll(/^Documentation=.*\n/gm, ''),
      );
    }
    copyFileSync(join(folder, 'sysusers.conf'), join(copies, 'warpdrive.conf'));
    const units = readdirSync(copies).filter((name) => !name.endsWith('.conf'));
    const { status, output } = analyze('verify', '--man=no', ...units.map((name) => join(copies, name)));
    rmSync(copies, { recursive: true });
    expect(output).toBe('');
    expect(status).toBe(0);
  });
});

/** What systemd counts as open although the directive is there, with a value that it doesn't ask for. */
function isSetOtherwise(name: string, unit: string): boolean {
  const [directive = ''] = name.split(/[=/]/);
  return new RegExp(`^${directive}=`, 'm').test(unit);
}
