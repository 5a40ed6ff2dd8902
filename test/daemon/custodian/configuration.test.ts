// The configuration in force where it can't be kept: a full disk is a real one here, which takes root.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pino } from 'pino';
import { ConfigurationInForce } from '../../../src/daemon/custodian/configuration.ts';

describe.runIf(process.getuid?.() === 0)('the configuration in force on a full disk', () => {
  it('is read and reloaded all the same, with a warning; once there is room again it is kept', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'warpdrive-test-'));
    const runtimeDir = join(folder, 'run');
    const path = join(folder, 'warpdrived.toml');
    mkdirSync(runtimeDir);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', runtimeDir]);
    try {
      mkdirSync(join(runtimeDir, 'custodian'));
      expect(() => writeFileSync(join(runtimeDir, 'filler'), Buffer.alloc(1 << 20))).toThrow(/ENOSPC/);
      writeFileSync(path, '[limits]\nqueues = 5\n');
      const lines: string[] = [];
      const log = pino({}, { write: (line: string) => void lines.push(line) });
      const configuration = new ConfigurationInForce(path, runtimeDir, log);
      expect(configuration.current.limits.queues).toBe(5);
      expect(lines.join('')).toMatch(/ENOSPC.*could not be kept/);
      writeFileSync(path, '[limits]\nqueues = 6\n');
      expect(await configuration.reload({ isDry: false, by: {} })).toHaveLength(1);
      expect(configuration.current.limits.queues).toBe(6);
      rmSync(join(runtimeDir, 'filler'));
      await configuration.reload({ isDry: false, by: {} });
      expect(existsSync(join(runtimeDir, 'custodian/configuration.json'))).toBe(true);
    } finally {
      execFileSync('umount', [runtimeDir]);
      rmSync(folder, { recursive: true });
    }
  });
});
