import { describe, expect, it } from 'vitest';
import { Refusals, TENANTS_MAX } from '../../../src/daemon/broker/refusals.ts';

describe('refusals', () => {
  it('are counted by tenant, code and limit', () => {
    const refusals = new Refusals();
    refusals.count('a', 'QUOTA_EXCEEDED', 'queues');
    refusals.count('a', 'QUOTA_EXCEEDED', 'queues');
    refusals.count('a', 'PERMISSION_DENIED');
    refusals.count('b', 'QUOTA_EXCEEDED', 'queues');
    expect(refusals.list()).toEqual([
      { tenant: 'a', code: 'QUOTA_EXCEEDED', limit: 'queues', count: 2 },
      { tenant: 'a', code: 'PERMISSION_DENIED', limit: '', count: 1 },
      { tenant: 'b', code: 'QUOTA_EXCEEDED', limit: 'queues', count: 1 },
    ]);
  });

  it('are kept of so many tenants: those that were refused something last', () => {
    const refusals = new Refusals();
    refusals.count('first', 'QUOTA_EXCEEDED');
    refusals.count('often', 'QUOTA_EXCEEDED');
    for (let other = 1; other < 2 * TENANTS_MAX; other++) {
      refusals.count(`t${other}`, 'QUOTA_EXCEEDED');
      refusals.count('often', 'QUOTA_EXCEEDED');
    }
    const listed = new Map(refusals.list().map(({ tenant, count }) => [tenant, count]));
    expect(listed.size).toBe(TENANTS_MAX);
    expect(listed.has('first')).toBe(false);
    expect(listed.get('often')).toBe(2 * TENANTS_MAX);
  });
});
