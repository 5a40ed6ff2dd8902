import { describe, expect, it } from 'vitest';
import { Account } from '../../../src/daemon/broker/accounts.ts';

const limits = { channels: 2, queues: 3, sessions: 3, regions: 3, shared_bytes: 1_000 };

describe('an account', () => {
  it('refuses what goes over a limit, names it, its value, its use and who can raise it', () => {
    const account = new Account('batch', limits, 'tenants.batch');
    account.charge('shared_bytes', 600);
    expect(() => account.charge('shared_bytes', 500)).toThrow(
      'charge 500 of "shared_bytes" to tenant batch: the limit is 1000, of which 600 are in use (QUOTA_EXCEEDED); ' +
        'release some, or ask the administrator to raise tenants.batch.shared_bytes',
    );
    expect(() => account.charge('shared_bytes', 1_001)).toThrow('ask for less, or ask the administrator');
    expect(account.used('shared_bytes')).toBe(600);
    expect(account.hasRoom('shared_bytes', 400)).toBe(true);
    expect(account.hasRoom('shared_bytes', 401)).toBe(false);
  });

  it('gets a charge back once, however often it is released', () => {
    const account = new Account('a', limits);
    const charge = account.charge('queues', 1);
    charge.release();
    charge.release();
    expect(account.isIdle).toBe(true);
  });

  it('keeps what is in use when a limit falls below it, and grants more once it is under again', () => {
    const account = new Account('a', limits);
    const charges = [1, 2, 3].map(() => account.charge('queues', 1));
    account.configure({ ...limits, queues: 2 }, 'limits');
    expect(account.used('queues')).toBe(3);
    charges[0]?.release();
    expect(() => account.charge('queues', 1)).toThrow('the limit is 2, of which 2 are in use');
    charges[1]?.release();
    account.charge('queues', 1);
  });

  it('tells when there is room again: after a release, after a limit was raised', () => {
    const account = new Account('a', limits);
    const told: string[] = [];
    account.onRoom = (resource) => told.push(resource);
    const charge = account.charge('channels', 2);
    charge.release();
    charge.release();
    account.configure({ ...limits, queues: 9, regions: 1 }, 'limits');
    expect(told).toEqual(['channels', 'queues']);
  });
});
