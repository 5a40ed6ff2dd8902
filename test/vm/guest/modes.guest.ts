// What a parent says of its memory, as the module shows it, and what the custodian makes of it.

import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MdevStore } from '../../../src/daemon/custodian/mdev-store.ts';
import { loadEdu } from './modules.ts';
import { openRig, openStore, startDevice } from './rig.ts';

let store: MdevStore;

beforeAll(() => {
  store = openStore();
});

afterAll(() => {
  store.close();
  loadEdu({ queues: 5, reserve: 2 });
});

it.each([
  [1, 'single-process'],
  [2, 'per-process'],
  // SVA beside: seen, and not used.
  [5, 'single-process'],
])('dma_flag %i is used as "%s", and requests run', async (flag, mode) => {
  loadEdu({ queues: 3, reserve: 1, dma_flag: flag });
  const device = await startDevice(store);
  expect(device.mode).toBe(mode);
  const rig = openRig(device);
  expect(await rig.factorial(5)).toMatchObject({ code: 'OK', result: 120 });
  await rig.close();
  await device.close();
});

it.each([
  ['nothing but SVA', { dma_flag: 4 }, /nothing but SVA/],
  ['no IOMMU', { noiommu: 1 }, /reach all memory of this machine.*allow_noiommu/],
])('a parent with %s is refused, and no mdev is made', async (_, parameters, message) => {
  loadEdu({ queues: 3, reserve: 1, ...parameters });
  await expect(startDevice(store)).rejects.toThrow(message);
  expect(readdirSync('/sys/bus/mdev/devices')).toEqual([]);
});
