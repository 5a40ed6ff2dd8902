// warpctl mdev create and remove on a tree of files: what is refused before the kernel is asked, and what the kernel's
// answers are turned into. What a kernel does is tested in the guests.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SpimdevTree, TYPE } from '../fixtures/spimdev-tree.ts';
import { documentOf, warpctl } from './warpctl.ts';

const UUID = '0a1b2c3d-1111-4222-8333-444455556666';
const DEVICE = `sys/devices/pci0000:00/0000:00:03.0/${UUID}`;

let tree: SpimdevTree;

beforeEach(() => {
  tree = new SpimdevTree();
});

afterEach(() => tree.delete());

async function refusal(...words: string[]): Promise<{ code: string; found: string; hint: string }> {
  const outcome = await warpctl(['--json', 'mdev', ...words, '--root', tree.root]);
  expect(outcome.code).not.toBe(0);
  return (documentOf(outcome) as { error: { code: string; found: string; hint: string } }).error;
}

function makeMdev(): void {
  mkdirSync(tree.path(DEVICE), { recursive: true });
  writeFileSync(tree.path(`${DEVICE}/remove`), '');
  tree.link(`${DEVICE}/iommu_group`, tree.path('sys/kernel/iommu_groups/7'));
}

it('create writes the UUID where the kernel wants it, and tells that nothing came of it', async () => {
  const { code, found } = await refusal('create', 'wd_edu0', 'copy', '--uuid', UUID);
  expect(code).toBe('DEVICE_UNUSABLE');
  expect(found).toMatch(/wd_edu-copy\/create: the kernel took it, but did nothing/);
  expect(readFileSync(tree.path(`${TYPE}/create`), 'utf8')).toBe(UUID);
});

it('create refuses a UUID that is taken, and what is none', async () => {
  tree.write(`sys/bus/mdev/devices/${UUID}/remove`, '');
  const taken = await refusal('create', 'wd_edu0', 'copy', '--uuid', UUID);
  expect(taken.found).toMatch(new RegExp(`sys/bus/mdev/devices/${UUID} exists already`));
  expect((await refusal('create', 'wd_edu0', 'copy', '--uuid', '../..')).code).toBe('INVALID_ARGUMENT');
  expect(readFileSync(tree.path(`${TYPE}/create`), 'utf8')).toBe('');
});

it('create names the parents and types that there are', async () => {
  expect((await refusal('create', 'other', 'copy')).hint).toBe('there are: wd_edu0');
  expect((await refusal('create', 'wd_edu0', 'rsa')).hint).toBe('it has: copy');
});

it('remove takes only what is an mdev: nothing else in sysfs can be named', async () => {
  expect((await refusal('remove', '..')).code).toBe('INVALID_ARGUMENT');
  expect((await refusal('remove', UUID)).found).toBe('no parent has an mdev of this UUID');
});

it('remove names who has the mdev open, and leaves it alone', async () => {
  makeMdev();
  tree.write('proc/4711/comm', 'qemu\n');
  tree.link('proc/4711/fd/9', tree.path('dev/vfio/7'));
  const { code, found } = await refusal('remove', UUID);
  expect(code).toBe('DEVICE_UNUSABLE');
  expect(found).toMatch(/dev\/vfio\/7 is held by 4711 \(qemu\)/);
  expect(readFileSync(tree.path(`${DEVICE}/remove`), 'utf8')).toBe('');
});

it('remove asks the kernel for it, and tells if it is still there', async () => {
  makeMdev();
  const { found } = await refusal('remove', UUID);
  expect(found).toMatch(/remove: the kernel took it, but did nothing/);
  expect(readFileSync(tree.path(`${DEVICE}/remove`), 'utf8')).toBe('1');
  expect(existsSync(tree.path(DEVICE))).toBe(true);
});
