// Requests on a real device, through VFIO and an IOMMU: what the engine's port and the custodian's half do together.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from 'vitest';
import type { MdevStore } from '../../../src/daemon/custodian/mdev-store.ts';
import type { SpimdevDevice } from '../../../src/daemon/custodian/spimdev-device.ts';
import { DeviceMemory } from '../../../src/hwdrivers/spimdev/device-memory.ts';
import { openFds } from '../../../src/sys/fd.ts';
import { loadEdu } from './modules.ts';
import { available, debugFolder } from './parent.ts';
import { openRig, openStore, type PortRig, startDevice, TestRegion } from './rig.ts';

/** IOMMU faults that the kernel has logged. */
function faults(): number {
  const log = execFileSync('dmesg').toString();
  return log.split('\n').filter((line) => /DMAR: \[DMA (Read|Write)/.test(line)).length;
}

let store: MdevStore;
let device: SpimdevDevice;
let rig: PortRig;

beforeAll(() => {
  loadEdu({ queues: 5, reserve: 2 });
  // Faults are rate-limited in the log; a test that counts them wants each.
  writeFileSync('/proc/sys/kernel/printk_ratelimit', '0');
  store = openStore();
});

afterAll(() => store.close());

beforeEach(async () => {
  device = await startDevice(store);
});

afterEach(async () => {
  await rig.close();
  await device.close();
  expect(store.list()).toEqual([]);
  expect(
    [...openFds().keys()].filter((label) => label.startsWith('queue') || label.startsWith('mdev')),
  ).toEqual([]);
});

describe('hardware queues', () => {
  it('are taken when a port opens and not before, and are there again when it has closed', async () => {
    expect(available()).toBe(3);
    rig = openRig(device);
    await rig.until(() => rig.readies === 1);
    expect(available()).toBe(2);
    const second = openRig(device);
    await second.until(() => second.readies === 1);
    expect(available()).toBe(1);
    expect(available('wd_edu-factorial')).toBe(1);
    await second.close();
    expect(available()).toBe(2);
  });

  it('compute; what is done at once and what the device does look the same', async () => {
    rig = openRig(device);
    const outcomes = await Promise.all(
      [0, 1, 5, 12, 13, 33, 34, 2 ** 32 - 1].map((operand) => rig.factorial(operand)),
    );
    expect(outcomes.map(({ code }) => code)).toEqual(Array.from({ length: 8 }, () => 'OK'));
    expect(outcomes.map(({ result }) => result)).toEqual([
      1,
      1,
      120,
      479_001_600,
      1_932_053_504,
      2 ** 31,
      0,
      0,
    ]);
    for (let round = 0; round < 200; round += 1) expect((await rig.factorial(round % 13)).code).toBe('OK');
  });

  it('all taken: callers wait in line, first come first served, up to their deadline', async () => {
    const taken = [await device.takeQueue(), await device.takeQueue(), await device.takeQueue()];
    expect(available()).toBe(0);
    rig = openRig(device);
    // The port is in line once what it has asked for is under way.
    await new Promise(setImmediate);
    const order: string[] = [];
    const late = device.takeQueue({ deadlineMillis: 50 }).catch((error: Error) => order.push(error.message));
    const last = device.takeQueue().then(({ fd }) => {
      order.push('last');
      fd.close();
    });
    await late;
    expect(order[0]).toMatch(/none was given back within 50 ms; 3 are taken.*NO_HARDWARE_QUEUE/);
    expect(rig.readies).toBe(0);
    await device.returnQueue(taken[0]?.id ?? 0);
    await rig.until(() => rig.readies === 1);
    expect(order).toHaveLength(1);
    await device.returnQueue(taken[1]?.id ?? 0);
    await last;
    for (const { fd } of taken) fd.close();
    expect((await rig.factorial(5)).result).toBe(120);
  });
});

describe('DMA', () => {
  let source: TestRegion;
  let destination: TestRegion;
  let memory: DeviceMemory;

  beforeEach(async () => {
    source = new TestRegion(8 * 4096);
    destination = new TestRegion(4 * 4096 + 100);
    memory = new DeviceMemory(device);
    rig = openRig(device, memory);
    await rig.port.addRegion(1, source.memory, source.bytes);
    await rig.port.addRegion(2, destination.memory, destination.bytes);
    for (let at = 0; at < source.bytes; at++) source.buffer[at] = (at * 31) & 0xff;
  });

  afterEach(() => {
    source.close();
    destination.close();
  });

  it('copies between regions, over page borders, and touches nothing else', async () => {
    const outcome = await rig.copy(
      { region: 1, offset: 4000, bytes: 2500 },
      { region: 2, offset: 8100, bytes: 3000 },
    );
    expect(outcome).toMatchObject({ code: 'OK', produced: 2500 });
    expect(outcome.nanos).toBeGreaterThan(100_000_000);
    const expected = Buffer.alloc(destination.bytes);
    source.buffer.copy(expected, 8100, 4000, 6500);
    expect(destination.buffer.equals(expected)).toBe(true);
    expect(
      await rig.copy({ region: 1, offset: 0, bytes: 10 }, { region: 2, offset: 0, bytes: 9 }),
    ).toMatchObject({
      code: 'OUTPUT_TOO_SMALL',
    });
  });

  it('of memory that is no longer mapped is stopped by the IOMMU, and nobody else notices', async () => {
    const before = faults();
    await rig.copy({ region: 1, offset: 0, bytes: 16 }, { region: 2, offset: 0, bytes: 16 });
    const address = memory.addressOf(2);
    expect(address).toBeGreaterThanOrEqual(2 ** 32);
    await device.unmapMemory(address);
    destination.buffer.fill(7);
    const broken = await rig.copy({ region: 1, offset: 0, bytes: 64 }, { region: 2, offset: 0, bytes: 64 });
    expect(broken.code).toBe('DMA_FAULT');
    expect(destination.buffer.equals(Buffer.alloc(destination.bytes, 7))).toBe(true);
    expect(faults()).toBeGreaterThan(before);
    const others = await rig.copy(
      { region: 1, offset: 0, bytes: 64 },
      { region: 1, offset: 4096, bytes: 64 },
    );
    expect(others.code).toBe('OK');
  });
});

describe('a device in trouble', () => {
  const inject = (name: string, count: number): void => {
    writeFileSync(join(debugFolder, name), String(count));
  };

  beforeEach(async () => {
    rig = openRig(device);
    await rig.until(() => rig.readies === 1);
  });

  it('that reports an error has failed one request, and goes on', async () => {
    inject('error', 1);
    const outcomes = [await rig.factorial(3), await rig.factorial(3)];
    expect(outcomes).toMatchObject([{ code: 'DEVICE_ERROR' }, { code: 'OK', result: 6 }]);
    expect(rig.lost).toEqual([]);
  });

  it('that is reset loses its queue with what was in it, and serves on with a fresh one', async () => {
    inject('stall', 1);
    const stuck = rig.factorial(3);
    await rig.until(() => rig.port.runningTag() !== -1);
    inject('reset', 1);
    expect(await stuck).toMatchObject({ code: 'LOST' });
    expect(rig.lost).toEqual(['the kernel says that it is reset']);
    await rig.until(() => rig.readies === 2);
    expect(await rig.factorial(4)).toMatchObject({ code: 'OK', result: 24 });
    expect(available()).toBe(2);
  });

  it('that stalls is given a fresh queue when its port is reset; three times in a row, it is called failed', async () => {
    inject('stall', 3);
    for (let round = 1; round <= 3; round++) {
      const stuck = rig.factorial(3);
      const before = rig.port.runningTag();
      expect(before).not.toBe(-1);
      // The entry has to be in the hardware: only that stalls.
      await untilStalls(3 - round);
      rig.port.reset();
      expect(await stuck).toMatchObject({ code: 'LOST' });
      await rig.until(() => rig.readies === round + 1);
    }
    expect(rig.failures).toEqual(['it was reset']);
    expect(await rig.factorial(4)).toMatchObject({ code: 'OK', result: 24 });
    expect(available()).toBe(2);
  });

  async function untilStalls(left: number): Promise<void> {
    while (Number(readFileSync(join(debugFolder, 'stall'), 'utf8')) !== left) await setTimeout(10);
  }
});
