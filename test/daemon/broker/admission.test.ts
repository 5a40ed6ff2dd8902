import { describe, expect, it } from 'vitest';
import { Account, type Charge } from '../../../src/daemon/broker/accounts.ts';
import { Admission } from '../../../src/daemon/broker/admission.ts';

const limits = { channels: 9, queues: 1, sessions: 9, regions: 9, shared_bytes: 9 };
const FOR_LONG = 1e9;

function waiterOf(channel: number) {
  return { channel, pid: channel, uid: 0, algorithm: 'gzip' };
}

/** A tenant that may have one queue, and has it. */
async function full(): Promise<{ account: Account; admission: Admission; held: Charge }> {
  const account = new Account('a', limits, 'tenants.a');
  const admission = new Admission();
  const patience = { millis: 0, signal: new AbortController().signal };
  const held = await admission.chargeQueue(account, waiterOf(1), patience);
  return { account, admission, held };
}

describe('admission', () => {
  it('refuses at once who does not want to wait', async () => {
    const { account, admission } = await full();
    const { signal } = new AbortController();
    await expect(admission.chargeQueue(account, waiterOf(2), { millis: 0, signal })).rejects.toMatchObject({
      code: 'QUOTA_EXCEEDED',
      limit: { name: 'tenants.a.queues', value: 1, used: 1 },
    });
    expect(admission.list()).toEqual([]);
  });

  it('lets others wait in line, shows them their position, and serves who came first', async () => {
    const { account, admission, held } = await full();
    const { signal } = new AbortController();
    const order: number[] = [];
    const waits = [2, 3, 4].map(async (channel) => {
      const charge = await admission.chargeQueue(account, waiterOf(channel), { millis: FOR_LONG, signal });
      order.push(channel);
      return charge;
    });
    expect(admission.list().map(({ channel, position }) => ({ channel, position }))).toEqual([
      { channel: 2, position: 0 },
      { channel: 3, position: 1 },
      { channel: 4, position: 2 },
    ]);
    held.release();
    for (const wait of waits) (await wait).release();
    expect(order).toEqual([2, 3, 4]);
    expect(admission.list()).toEqual([]);
    expect(account.isIdle).toBe(true);
  });

  it('serves the line when the limit is raised', async () => {
    const { account, admission } = await full();
    const { signal } = new AbortController();
    const wait = admission.chargeQueue(account, waiterOf(2), { millis: FOR_LONG, signal });
    account.configure({ ...limits, queues: 2 }, 'tenants.a');
    await expect(wait).resolves.toBeDefined();
  });

  it('tells who waited for nothing what it waited for', async () => {
    const { account, admission } = await full();
    const { signal } = new AbortController();
    await expect(admission.chargeQueue(account, waiterOf(2), { millis: 5, signal })).rejects.toThrow(
      /the limit is 1, of which 1 are in use; none was given back in 5 ms of waiting .*tenants\.a\.queues/,
    );
  });

  it('forgets who gives up, and who is gone: the next one is served', async () => {
    const { account, admission, held } = await full();
    const controller = new AbortController();
    const forLong = { millis: FOR_LONG, signal: new AbortController().signal };
    const leaving = admission.chargeQueue(account, waiterOf(2), { ...forLong, signal: controller.signal });
    const gone = admission.chargeQueue(account, waiterOf(3), forLong);
    const staying = admission.chargeQueue(account, waiterOf(4), forLong);
    controller.abort();
    admission.abandon(3);
    await expect(leaving).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(gone).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(admission.list().map(({ channel }) => channel)).toEqual([4]);
    held.release();
    await expect(staying).resolves.toBeDefined();
    expect(account.used('queues')).toBe(1);
  });
});
