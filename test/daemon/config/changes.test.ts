import { describe, expect, it } from 'vitest';
import { describeChanges } from '../../../src/daemon/config/changes.ts';
import { configure } from './fixtures.ts';

const tenants = (...names: string[]): string =>
  names
    .map(
      (name, index) =>
        `[tenants.${name}]\nmatch = [{ uid = ${name.charCodeAt(0)} }]\nweight = ${index + 1}\n`,
    )
    .join('');

describe('the difference of two configurations', () => {
  it('is nothing where they say the same, however they say it', () => {
    expect(describeChanges(configure(''), configure('[limits]\nweight = 1\n'))).toEqual([]);
  });

  it('names each key, with what it was and what it will be', () => {
    const from = configure('[limits]\nweight = 1\nops_per_second = 10\n');
    const to = configure('[limits]\nweight = 2.5\nalgorithms = ["gzip", "copy"]\n');
    expect(describeChanges(from, to)).toEqual([
      '~ limits.weight: 1 -> 2.5',
      '- limits.ops_per_second = 10',
      '+ limits.algorithms = ["gzip", "copy"]',
    ]);
  });

  it('names tenants and devices that come and go', () => {
    const from = configure(`[devices.a]\ndriver = "null"\n${tenants('x')}`);
    const to = configure(`[devices.b]\ndriver = "null"\n${tenants('y')}`);
    const lines = describeChanges(from, to);
    for (const line of [
      '- devices.a.driver = "null"',
      '+ devices.b.driver = "null"',
      '- tenants.x.match = [{ uid = 120 }]',
    ]) {
      expect(lines).toContain(line);
    }
  });

  it('tells that the order of tenants has changed', () => {
    const from = configure('[tenants.x]\nmatch = [{ uid = 1 }]\n[tenants.y]\nmatch = [{ gid = 1 }]\n');
    const to = configure('[tenants.y]\nmatch = [{ gid = 1 }]\n[tenants.x]\nmatch = [{ uid = 1 }]\n');
    expect(describeChanges(from, to)).toEqual(['~ order of tenants: x, y -> y, x']);
  });
});
