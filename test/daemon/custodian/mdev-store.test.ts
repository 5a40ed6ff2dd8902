// The marks by which mdevs are known as ours, on a tree of files. What the kernel does is tested in the guests.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MdevStore } from '../../../src/daemon/custodian/mdev-store.ts';
import { readParent, readTypeFor } from '../../../src/hwdrivers/spimdev/parents.ts';
import { SpimdevTree } from '../../fixtures/spimdev-tree.ts';

const UUID = '0a1b2c3d-1111-4222-8333-444455556666';
const OTHER = '11111111-2222-4333-8444-555555555555';
const DEVICE = `sys/devices/pci0000:00/0000:00:03.0/${UUID}`;

let tree: SpimdevTree;
let stateDir: string;
let store: MdevStore;

beforeEach(() => {
  tree = new SpimdevTree();
  stateDir = tree.path('state');
  store = new MdevStore({ stateDir, root: tree.root });
});

afterEach(() => {
  store.close();
  tree.delete();
});

function mark(changes: object = {}): void {
  const bootId = readFileSync(tree.path('proc/sys/kernel/random/boot_id'), 'utf8').trim();
  const whole = { uuid: UUID, instance: store.instance, bootId, parent: 'wd_edu0', type: 'wd_edu-copy' };
  writeFileSync(join(stateDir, 'mdevs', `${UUID}.json`), JSON.stringify(Object.assign(whole, changes)));
}

function makeDevice(): void {
  mkdirSync(tree.path(DEVICE), { recursive: true });
  writeFileSync(tree.path(`${DEVICE}/remove`), '');
}

describe('the mdevs of an instance', () => {
  it('are those that are there and bear its mark', () => {
    expect(store.list()).toEqual([]);
    mark();
    makeDevice();
    expect(store.list()).toEqual([{ uuid: UUID, parent: 'wd_edu0', type: 'wd_edu-copy' }]);
  });

  it.each([
    ['of another instance', { instance: OTHER }],
    ['with something that we do not write', { extra: true }],
    ['for another UUID', { uuid: OTHER }],
  ])('are not those with a mark %s, which stays', (_, changes) => {
    mark(changes);
    makeDevice();
    expect(store.list()).toEqual([]);
    expect(readdirSync(join(stateDir, 'mdevs'))).toEqual([`${UUID}.json`]);
  });

  it('are forgotten when they are gone, or were made before a reboot', () => {
    mark();
    expect(store.list()).toEqual([]);
    expect(readdirSync(join(stateDir, 'mdevs'))).toEqual([]);
    mark({ bootId: OTHER });
    makeDevice();
    expect(store.list()).toEqual([]);
    expect(readdirSync(join(stateDir, 'mdevs'))).toEqual([]);
  });

  it('belong to one process at a time, and to the same instance afterwards', () => {
    expect(() => new MdevStore({ stateDir, root: tree.root })).toThrow(/locked it.*ALREADY_RUNNING/);
    const { instance } = store;
    store.close();
    store = new MdevStore({ stateDir, root: tree.root });
    expect(store.instance).toBe(instance);
  });
});

describe('a kernel that does not do as it is told', () => {
  const type = (): ReturnType<typeof readTypeFor> => readTypeFor(readParent('wd_edu0', tree.root), 'copy');

  it('leaves no mark of an mdev that was not made', async () => {
    const parent = readParent('wd_edu0', tree.root);
    await expect(store.create(parent, type())).rejects.toThrow(/create: the kernel took it, but did nothing/);
    const gone = { ...type(), path: '/nonexistent' };
    await expect(store.create(parent, gone)).rejects.toThrow(
      /\/nonexistent\/create: the kernel answered ENOENT.*is gone/,
    );
    expect(readdirSync(join(stateDir, 'mdevs'))).toEqual([]);
  });

  it('keeps the mark of an mdev that was not removed', async () => {
    mark();
    makeDevice();
    const [mdev] = store.list();
    await expect(store.remove(mdev as never, { deadlineMillis: 200 })).rejects.toThrow(/remove the mdev/);
    expect(existsSync(join(stateDir, 'mdevs', `${UUID}.json`))).toBe(true);
    const failures = await store.removeLeftovers({ deadlineMillis: 200 });
    expect([...failures.keys()]).toEqual([mdev]);
  });

  it('is not asked to remove what is not ours', async () => {
    makeDevice();
    const foreign = { uuid: UUID, parent: 'wd_edu0', type: 'wd_edu-copy' };
    await expect(store.remove(foreign, { deadlineMillis: 200 })).rejects.toThrow(/it is not ours/);
    expect(readFileSync(tree.path(`${DEVICE}/remove`), 'utf8')).toBe('');
  });
});
