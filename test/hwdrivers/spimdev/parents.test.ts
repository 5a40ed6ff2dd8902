// What sysfs may show of a parent: all of it, less, or nonsense.

import { renameSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  directRefusal,
  hasSva,
  type MemoryMode,
  memoryModeOf,
} from '../../../src/hwdrivers/spimdev/memory-mode.ts';
import {
  type Parent,
  parentNames,
  readParent,
  readTypeFor,
  readTypes,
} from '../../../src/hwdrivers/spimdev/parents.ts';
import { driverOf } from '../../../src/hwdrivers/spimdev/drivers.ts';
import { PARAMS, SpimdevTree, TYPE } from '../../fixtures/spimdev-tree.ts';

let tree: SpimdevTree;

beforeEach(() => {
  tree = new SpimdevTree();
});

afterEach(() => tree.delete());

function read(): Parent {
  return readParent('wd_edu0', tree.root);
}

describe('a parent', () => {
  it('is read with its types', () => {
    expect(parentNames(tree.root)).toEqual(['wd_edu0']);
    expect(read()).toMatchObject({ name: 'wd_edu0', variant: 'RFC v1', iommuType: 3, dmaFlag: 1 });
    expect(readTypes(read())).toMatchObject([
      { name: 'wd_edu-copy', algorithm: 'copy', deviceApi: 'wd_edu_v1', available: 6 },
    ]);
  });

  it("is known by openEuler's names too, and by no others", () => {
    renameSync(tree.path(PARAMS), tree.path(PARAMS).replace('params', 'spimdev_para'));
    expect(read()).toMatchObject({ variant: 'openEuler', dmaFlag: 1 });
    renameSync(
      tree.path(PARAMS).replace('params', 'spimdev_para'),
      tree.path(PARAMS).replace('params', 'attrs'),
    );
    expect(read).toThrow(/none of the groups params \(RFC v1\), spimdev_para \(openEuler\)/);
  });

  it.each([
    ['dma_flag', 'many\n', /dma_flag: "many" where a number is expected.*DEVICE_UNUSABLE/],
    ['iommu_type', '-3\n', /iommu_type: "-3" where a number/],
    ['iommu_type', '', /iommu_type: "" where a number/],
  ])('with %s = %j is refused with path and value', (name, text, message) => {
    tree.write(`${PARAMS}/${name}`, text);
    expect(read).toThrow(message);
  });

  it.each([
    [`${PARAMS}/dma_flag`, /read .*params\/dma_flag: ENOENT/],
    [`${TYPE}/device_api`, /read .*device_api: ENOENT/],
    [`${TYPE}/available_instances`, /read .*available_instances: ENOENT/],
    [TYPE, /no mdev type.*CONFIG_VFIO_MDEV/],
    ['sys/class/spimdev/wd_edu0', /spimdev\/wd_edu0\/device does not exist.*load the kernel module/],
  ])('without %s is refused with the path', (path, message) => {
    tree.remove(path);
    expect(() => readTypes(read())).toThrow(message);
  });

  it('without the type of an algorithm says which it has; without a driver, which there are', () => {
    expect(() => readTypeFor(read(), 'rsa')).toThrow(/no type for this algorithm.*it has: copy/);
    expect(() => driverOf('hisi_qm_v9')).toThrow(
      /"hisi_qm_v9".*wd_edu_v1.*UNSUPPORTED|UNSUPPORTED.*wd_edu_v1/,
    );
  });
});

describe('memory modes', () => {
  const parent = (dmaFlag: number, iommuType = 3): Parent => Object.assign(read(), { dmaFlag, iommuType });
  const mode = (dmaFlag: number, iommuType = 3, allowNoiommu = false): string =>
    memoryModeOf(parent(dmaFlag, iommuType), { allowNoiommu });

  it('follow dma_flag; SVA is seen and never used', () => {
    expect([1, 2, 3, 5, 6, 33].map((flag) => mode(flag))).toEqual([
      'single-process',
      'per-process',
      'per-process',
      'single-process',
      'per-process',
      'single-process',
    ]);
    expect([1, 4, 8, 13].map(hasSva)).toEqual([false, true, true, true]);
    expect(() => mode(4)).toThrow(/nothing but SVA/);
    expect(() => mode(0)).toThrow(/dma_flag is 0/);
  });

  it('without an IOMMU need the permission of the administrator', () => {
    for (const [flag, type] of [
      [16, 3],
      [1, 8],
    ] as const) {
      expect(() => mode(flag, type)).toThrow(/reach all memory of this machine.*allow_noiommu/);
      expect(mode(flag, type, true)).toBe('physical');
    }
  });

  it('decide whether a queue may be handed out', () => {
    const refusal = (mode: MemoryMode, isOneTenantOnly: boolean, isStoppable = true): string | undefined =>
      directRefusal(mode, { isOneTenantOnly, isStoppable });
    expect(refusal('per-process', false)).toBeUndefined();
    expect(refusal('single-process', true)).toBeUndefined();
    expect(refusal('single-process', false)).toMatch(/doesn't separate/);
    expect(refusal('physical', true)).toMatch(/all memory of this machine/);
    expect(refusal('per-process', true, false)).toMatch(/can't stop it/);
  });
});
