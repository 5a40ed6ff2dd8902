// warpctl doctor on whole and on broken hosts: trees of files, and the machine that the test runs on.

import { mkdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PARAMS, SpimdevTree, TYPE } from '../fixtures/spimdev-tree.ts';
import { documentOf, warpctl } from './warpctl.ts';

interface Finding {
  readonly subject: string;
  readonly state: string;
  readonly found: string;
  readonly hint?: string;
}

let tree: SpimdevTree;

beforeEach(() => {
  tree = new SpimdevTree();
});

afterEach(() => tree.delete());

async function doctor(): Promise<{ code: number | null; of: (subject: string) => Finding | undefined }> {
  const outcome = await warpctl(['--json', '--runtime-dir', tree.root, 'doctor', '--root', tree.root]);
  const { findings } = documentOf(outcome) as { findings: readonly Finding[] };
  return { code: outcome.code, of: (subject) => findings.find((finding) => finding.subject === subject) };
}

describe('warpctl doctor', () => {
  it('finds a whole host fine, and says what it has', async () => {
    const { code, of } = await doctor();
    expect(code).toBe(0);
    expect(of('IOMMU')).toMatchObject({ state: 'ok', found: 'dmar0; 1 groups' });
    expect(of('VFIO')).toMatchObject({ state: 'ok' });
    expect(of('parent wd_edu0')).toMatchObject({
      state: 'ok',
      found: 'SPIMDEV of RFC v1; memory: single-process',
    });
    expect(of('type wd_edu-copy')).toMatchObject({
      state: 'ok',
      found: '6 hardware queues left; queues of wd_edu_v1',
    });
    expect(of('daemon')).toMatchObject({
      state: 'note',
      hint: expect.stringContaining('warpdrived') as string,
    });
    expect(of('configuration')?.found).toMatch(/does not exist: the defaults hold/);
  });

  it.each([
    ['sys/class/iommu/dmar0', 'IOMMU', /turned off/, /intel_iommu=on/],
    ['sys/module/mdev', 'VFIO', /not loaded: mdev/, /modprobe -a mdev/],
    ['dev/vfio/vfio', 'VFIO', /dev\/vfio\/vfio is missing/, /udev/],
    [`${PARAMS}/dma_flag`, 'parent wd_edu0', /dma_flag: ENOENT/, /dmesg/],
    [TYPE, 'parent wd_edu0', /no mdev type/, /CONFIG_VFIO_MDEV/],
  ])('without %s finds a problem with %s', async (path, subject, found, hint) => {
    tree.remove(path);
    const { code, of } = await doctor();
    expect(code).toBe(1);
    expect(of(subject)).toMatchObject({ state: 'problem' });
    expect(of(subject)?.found).toMatch(found);
    expect(of(subject)?.hint).toMatch(hint);
  });

  it('tells foreign devices in a group, nodes that others may open, and mdevs without a driver', async () => {
    tree.write('dev/vfio/7', '');
    tree.write('dev/vfio/8', '');
    tree.link('sys/kernel/iommu_groups/7/devices/0000:00:04.0/driver', '/sys/bus/pci/drivers/e1000e');
    tree.link('sys/kernel/iommu_groups/8/devices/a/driver', '/sys/bus/mdev/drivers/vfio_mdev');
    mkdirSync(tree.path('sys/bus/mdev/devices/0a1b2c3d-0000-4000-8000-000000000000'), { recursive: true });
    const { code, of } = await doctor();
    expect(code).toBe(1);
    expect(of('group 7')).toMatchObject({ state: 'problem', found: 'not viable: 0000:00:04.0 (e1000e)' });
    expect(of('group 8')).toMatchObject({
      state: 'note',
      hint: expect.stringContaining('chmod 600') as string,
    });
    expect(of('mdev 0a1b2c3d')).toMatchObject({ state: 'problem' });
  });

  it('reads the abilities: SVA, no IOMMU, no queues left, a format without a driver', async () => {
    tree.write(`${PARAMS}/dma_flag`, '6\n');
    tree.write(`${TYPE}/available_instances`, '0\n');
    const sva = await doctor();
    expect(sva.of('parent wd_edu0')?.found).toBe(
      'SPIMDEV of RFC v1; memory: per-process; SVA offered, not used',
    );
    expect(sva.of('type wd_edu-copy')).toMatchObject({ state: 'note' });
    tree.write(`${PARAMS}/dma_flag`, '16\n');
    tree.write(`${TYPE}/device_api`, 'hisi_qm_v9\n');
    tree.write('sys/module/vfio/parameters/enable_unsafe_noiommu_mode', 'Y\n');
    const physical = await doctor();
    expect(physical.of('parent wd_edu0')?.hint).toMatch(/allow_noiommu/);
    expect(physical.of('type wd_edu-copy')).toMatchObject({ state: 'problem' });
    expect(physical.of('NOIOMMU')).toMatchObject({ state: 'note' });
    tree.write('proc/meminfo', 'HugePages_Total:       0\n');
    expect((await doctor()).of('huge pages')).toMatchObject({ state: 'problem' });
    tree.write('proc/meminfo', 'HugePages_Total:       8\n');
    expect((await doctor()).of('huge pages')).toMatchObject({ state: 'ok' });
  });

  it('has the daemon check the configuration', async () => {
    tree.write('etc/warpdrive/warpdrived.toml', '[devices.soft0]\ndriver = "soft"\n');
    expect((await doctor()).of('configuration')).toMatchObject({ state: 'ok' });
    tree.write('etc/warpdrive/warpdrived.toml', '[devices.soft0]\ndriver = "magic"\n');
    const { code, of } = await doctor();
    expect(code).toBe(1);
    expect(of('configuration')).toMatchObject({ state: 'problem' });
    expect(of('configuration')?.found).toMatch(/CONFIG_INVALID/);
  });

  it('has no complaint about a host without accelerators', async () => {
    for (const path of ['sys', 'dev']) tree.remove(path);
    const { code, of } = await doctor();
    expect(code).toBe(0);
    expect(of('SPIMDEV')).toMatchObject({ state: 'note', found: 'no parent device: the soft device serves' });
  });

  it('prints a table with hints for people', async () => {
    tree.remove('sys/module/mdev');
    const { stdout, code } = await warpctl(['--runtime-dir', tree.root, 'doctor', '--root', tree.root]);
    expect(code).toBe(1);
    expect(stdout.toString()).toMatch(/^WHAT +STATE +FOUND\nkernel +ok +Linux 6\.1\.0-56-amd64\n/);
    expect(stdout.toString()).toMatch(/^VFIO: modprobe -a mdev$/m);
  });
});

describe('warpctl mdev', () => {
  const mdev = (...args: string[]): ReturnType<typeof warpctl> =>
    warpctl(['mdev', ...args, '--root', tree.root]);

  it('lists types with the queues that are left, and mdevs with their parent and group', async () => {
    expect((await mdev('types')).stdout.toString()).toBe(
      'PARENT   TYPE         QUEUES LEFT  QUEUE FORMAT\nwd_edu0  wd_edu-copy            6  wd_edu_v1\n',
    );
    expect((await mdev('list')).stdout.toString()).toBe('no mdevs\n');
    const uuid = '0a1b2c3d-0000-4000-8000-000000000000';
    mkdirSync(tree.path(`sys/devices/pci0000:00/0000:00:03.0/${uuid}`));
    tree.link(`sys/bus/mdev/devices/${uuid}/mdev_type`, '../mdev_supported_types/wd_edu-copy');
    tree.link(`sys/bus/mdev/devices/${uuid}/iommu_group`, '../../../kernel/iommu_groups/3');
    expect((await mdev('list')).stdout.toString()).toContain(`${uuid}  wd_edu0  wd_edu-copy  3\n`);
  });

  it('without a parent says so; a broken one is an error', async () => {
    tree.remove(TYPE);
    const broken = await mdev('types');
    expect([broken.code, broken.stderr]).toEqual([1, expect.stringContaining('has no mdev type')]);
    tree.remove('sys/class/spimdev');
    expect((await mdev('types')).stdout.toString()).toBe('no SPIMDEV parent\n');
  });
});
