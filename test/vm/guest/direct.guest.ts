// Direct queues: hardware queues in the hands of unprivileged programs, what they can do with them, and what not.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DirectQueue } from '../../../src/client/direct-queue.ts';
import type { MdevStore } from '../../../src/daemon/custodian/mdev-store.ts';
import { ParentUse } from '../../../src/daemon/custodian/parent-use.ts';
import type { SpimdevDevice } from '../../../src/daemon/custodian/spimdev-device.ts';
import { loadEdu } from './modules.ts';
import { available, untilAvailable } from './parent.ts';
import { mapFor, openStore, startDevice } from './rig.ts';
import { Tenant } from './tenant.ts';

const ALICE = 1001;
const BOB = 1002;

interface Result {
  readonly code: string;
  readonly produced: number;
  readonly result: number;
  readonly ran: string;
}

let store: MdevStore;
const tenants: { tenant: Tenant; device: SpimdevDevice }[] = [];
const devices: SpimdevDevice[] = [];

async function device(use?: ParentUse): Promise<SpimdevDevice> {
  const started = await startDevice(store, use);
  devices.push(started);
  return started;
}

async function tenantOn(device: SpimdevDevice, uid: number): Promise<Tenant> {
  const tenant = await Tenant.start(device, uid);
  tenants.push({ tenant, device });
  return tenant;
}

beforeAll(() => {
  store = openStore();
});

afterAll(() => store.close());

afterEach(async () => {
  for (const { tenant, device } of tenants.splice(0)) await tenant.end(device);
  for (const device of devices.splice(0)) await device.close();
  await untilAvailable(3);
});

describe('one mdev, used by two users at once', () => {
  beforeEach(() => loadEdu({ queues: 5, reserve: 2, dma_flag: 1 }));

  it('serves both; neither has a descriptor of VFIO, and each sees its own bytes', async () => {
    const shared = await device();
    expect(shared.mode).toBe('single-process');
    const alice = await tenantOn(shared, ALICE);
    const bob = await tenantOn(shared, BOB);
    expect(available()).toBe(1);
    for (const [tenant, uid] of [
      [alice, ALICE],
      [bob, BOB],
    ] as const) {
      expect(await tenant.ask('ids')).toEqual([uid, uid]);
      const files = await tenant.ask<string[]>('files');
      expect(files.filter((path) => path.includes('vfio'))).toEqual([]);
      expect(files).toContain('anon_inode:spimdev_q');
    }
    await alice.ask('fill', { offset: 0, text: 'from alice' });
    await bob.ask('fill', { offset: 0, text: 'from bob..' });
    const copy = { from: 0, to: 8192, length: 10 };
    const results = await Promise.all([alice.ask<Result>('copy', copy), bob.ask<Result>('copy', copy)]);
    expect(results).toMatchObject([
      { code: 'OK', produced: 10 },
      { code: 'OK', produced: 10 },
    ]);
    expect(await alice.ask('read', { offset: 8192, length: 10 })).toBe('from alice');
    expect(await bob.ask('read', { offset: 8192, length: 10 })).toBe('from bob..');
    expect(await alice.ask('factorial', { operand: 6 })).toMatchObject({ code: 'OK', result: 720 });
  });

  it('that is killed in the middle of a DMA harms nobody; its hardware queue is lent again', async () => {
    const shared = await device();
    const alice = await tenantOn(shared, ALICE);
    const bob = await tenantOn(shared, BOB);
    expect(await alice.ask('begin', { length: 8192 })).toBe(true);
    await alice.kill();
    await shared.returnQueue(alice.queueId);
    await bob.ask('fill', { offset: 0, text: 'unharmed' });
    expect(await bob.ask<Result>('copy', { from: 0, to: 4096, length: 8 })).toMatchObject({ code: 'OK' });
    expect(await bob.ask('read', { offset: 4096, length: 8 })).toBe('unharmed');
    await untilAvailable(2);
  });

  it('that has its queue taken back gets codes, and nothing that it still writes has an effect', async () => {
    const shared = await device();
    const alice = await tenantOn(shared, ALICE);
    await alice.ask('fill', { offset: 0, text: 'precious' });
    expect(await alice.ask('begin', { length: 4096 })).toBe(true);
    await shared.returnQueue(alice.queueId);
    await expect(alice.ask('factorial', { operand: 5 })).rejects.toThrow(
      /taken back: it is stopped.*RELEASED/,
    );
    await untilAvailable(3);
    // Its hardware queue serves another one, while it still holds its descriptor and mappings.
    const bob = await tenantOn(shared, BOB);
    expect(await bob.ask('factorial', { operand: 5 })).toMatchObject({ code: 'OK', result: 120 });
  });

  it('is told of what was in flight when the queue is taken back', async () => {
    const shared = await device();
    const { id, fd, deviceApi, isStoppable } = await shared.takeQueue();
    expect(isStoppable).toBe(true);
    const queue = new DirectQueue({ fd, deviceApi, addresses: { addressOf: () => 2 ** 40 } });
    const range = { region: { number: 1 } as never, offset: 0, bytes: 4096 };
    for (let cookie = 0; cookie < 3; cookie++) {
      expect(queue.send({ operation: 'copy', source: range, destination: range, cookie })).toBe(true);
    }
    await shared.returnQueue(id);
    const done: Parameters<DirectQueue['recv']>[0] = [];
    expect(queue.recvSync(done, 10_000)).toBe(3);
    expect(done.slice(0, 3).map(({ code, cookie, ran }) => [code, cookie, ran])).toEqual([
      ['INTERRUPTED', 0, 'maybe'],
      ['INTERRUPTED', 1, 'maybe'],
      ['INTERRUPTED', 2, 'maybe'],
    ]);
    expect(queue.inFlight).toBe(0);
    await queue.release();
    await queue.release();
    expect(() => queue.send({ operation: 'factorial', operand: 1 })).toThrow(/RELEASED/);
  });
});

describe('a device that separates its users', () => {
  beforeEach(() => loadEdu({ queues: 5, reserve: 2, dma_flag: 2 }));

  it("stops a program that names a neighbour's address; the same address may be used by both", async () => {
    // Spaces of their own: the addresses are the same.
    const [ofAlice, ofBob] = [await device(new ParentUse()), await device(new ParentUse())];
    expect(ofAlice.mode).toBe('per-process');
    const alice = await tenantOn(ofAlice, ALICE);
    const bob = await tenantOn(ofBob, BOB);
    expect(alice.address).toBe(bob.address);
    await alice.ask('fill', { offset: 0, text: 'alice' });
    await bob.ask('fill', { offset: 0, text: 'bob--' });
    const copy = { from: 0, to: 4096, length: 5 };
    const results = await Promise.all([alice.ask<Result>('copy', copy), bob.ask<Result>('copy', copy)]);
    expect(results).toMatchObject([{ code: 'OK' }, { code: 'OK' }]);
    expect(await alice.ask('read', { offset: 4096, length: 5 })).toBe('alice');
    expect(await bob.ask('read', { offset: 4096, length: 5 })).toBe('bob--');

    // One more region of Bob's, where Alice has none.
    const vault = await mapFor(ofBob, bob.region.memory, 8192);
    const theft = await alice.ask<Result>('copy', { foreignSource: vault, to: 8192, length: 5 });
    expect(theft.code).toBe('DMA_FAULT');
    expect(await alice.ask('read', { offset: 8192, length: 5 })).toBe('\0\0\0\0\0');
    const damage = await alice.ask<Result>('copy', { from: 0, foreignDestination: vault, length: 5 });
    expect(damage.code).toBe('DMA_FAULT');
    expect(await bob.ask('read', { offset: 0, length: 5 })).toBe('bob--');
    expect(await bob.ask<Result>('copy', copy)).toMatchObject({ code: 'OK' });
    await ofBob.unmapMemory(vault);
  });
});
