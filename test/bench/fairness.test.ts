import { describe, expect, test } from 'vitest';
import { drawShares, furthestFromShare, jainIndex } from '../../bench/fairness.ts';
import { heavyTenants, lightTenant, tenantsConfiguration } from '../../bench/tenants.ts';
import { configure } from '../daemon/config/fixtures.ts';

const share = (weight: number, nanos: number) => ({ name: `w${weight}`, weight, nanos });

describe('fairness', () => {
  test('is 1 where device time goes by weight, and falls to 1/n where one has it all', () => {
    expect(jainIndex([share(1, 10), share(3, 30), share(6, 60)])).toBeCloseTo(1, 12);
    expect(jainIndex([share(1, 100), share(1, 0), share(1, 0), share(1, 0)])).toBe(0.25);
    // Equal time for unequal weights is not fair.
    expect(jainIndex([share(1, 50), share(9, 50)])).toBeLessThan(0.7);
  });

  test('tells who is furthest from its share, above or below', () => {
    expect(furthestFromShare([share(1, 10), share(1, 10)])).toBe(0);
    expect(furthestFromShare([share(1, 12), share(3, 28)])).toBeCloseTo(0.2, 12);
    expect(furthestFromShare([share(1, 5), share(1, 15)])).toBeCloseTo(0.5, 12);
  });

  test('is drawn as one band for each tenant, within the picture', () => {
    const samples = [
      [1, 3],
      [2, 2],
      [0, 0],
    ];
    const svg = drawShares({ names: ['a', 'b'], weights: [1, 3], sampleMillis: 50, samples });
    expect(svg.match(/<polygon /g)).toHaveLength(2);
    expect(svg).toContain('a, weight 1');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    const [, points = ''] = /points="([^"]+)"/.exec(svg) ?? [];
    for (const [x = 0, y = 0] of points.split(' ').map((pair) => pair.split(',').map(Number))) {
      expect(x >= 0 && x <= 800 && y >= 0 && y <= 420).toBe(true);
    }
  });

  test('is measured with tenants that the daemon knows, by their weights', () => {
    const { tenants } = configure(tenantsConfiguration);
    for (const { name, weight } of [...heavyTenants, lightTenant])
      expect(tenants[name]).toMatchObject({ weight });
  });
});
