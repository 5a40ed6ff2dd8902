// The custodian's half on a real kernel: mdevs that come and go, and what is refused.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Hardware } from '../../../src/daemon/custodian/hardware.ts';
import { Loans } from '../../../src/daemon/custodian/loans.ts';
import { MdevStore } from '../../../src/daemon/custodian/mdev-store.ts';
import { ParentUse } from '../../../src/daemon/custodian/parent-use.ts';
import { openMdev } from '../../../src/daemon/custodian/vfio.ts';
import { parentNames, readParent, readTypeFor, readTypes } from '../../../src/hwdrivers/spimdev/parents.ts';
import { createSealedMemory } from '../../../src/sys/memory.ts';
import { loadEdu, unloadModule } from './modules.ts';
import { available, createForeign, mdevsFolder, PARENT, removeForeign } from './parent.ts';
import { mapFor, startDevice } from './rig.ts';

const LONG = { deadlineMillis: 30_000 };

let stateDir: string;
let store: MdevStore;

function groupPathOf(uuid: string): string {
  return join('/dev/vfio', basename(readlinkSync(join(mdevsFolder, uuid, 'iommu_group'))));
}

beforeAll(() => loadEdu({ queues: 5, reserve: 2 }));

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'warpdrive-state-'));
  store = new MdevStore({ stateDir });
});

afterEach(() => {
  store.close();
  expect(readdirSync(mdevsFolder)).toEqual([]);
});

describe('parents', () => {
  it('are found with their types', () => {
    expect(parentNames()).toEqual([PARENT]);
    const parent = readParent(PARENT);
    expect(parent).toMatchObject({ variant: 'RFC v1', iommuType: 3, dmaFlag: 1 });
    expect(
      readTypes(parent).map(({ algorithm, deviceApi, available }) => [algorithm, deviceApi, available]),
    ).toEqual([
      ['copy', 'wd_edu_v1', 3],
      ['factorial', 'wd_edu_v1', 3],
    ]);
  });

  it('that are not there, or have no such algorithm, are told as such', () => {
    expect(() => readParent('other')).toThrow(/\/sys\/class\/spimdev\/other\/device does not exist.*wd_edu0/);
    expect(() => readTypeFor(readParent(PARENT), 'rsa')).toThrow(
      /no type for this algorithm.*copy, factorial/,
    );
  });
});

describe('mdevs', () => {
  it('are created and removed; no queue is taken by that', async () => {
    const parent = readParent(PARENT);
    const mdev = await store.create(parent, readTypeFor(parent, 'copy'));
    expect(existsSync(join(mdevsFolder, mdev.uuid))).toBe(true);
    expect(available()).toBe(3);
    expect(store.list()).toEqual([mdev]);
    await store.remove(mdev, LONG);
    expect(existsSync(join(mdevsFolder, mdev.uuid))).toBe(false);
    expect(store.list()).toEqual([]);
    expect(readdirSync(join(stateDir, 'mdevs'))).toEqual([]);
  });

  it('with a UUID that is taken, or is none, are refused, and nothing stays behind', async () => {
    const parent = readParent(PARENT);
    const type = readTypeFor(parent, 'copy');
    const foreign = createForeign();
    await expect(store.create(parent, type, foreign)).rejects.toThrow(/exists already.*DEVICE_UNUSABLE/);
    await expect(store.create(parent, type, 'no-uuid')).rejects.toThrow(/create: the kernel answered EINVAL/);
    const gone = { ...type, path: join(type.path, 'gone') };
    await expect(store.create(parent, gone)).rejects.toThrow(/ENOENT.*its driver, is gone/);
    expect(readdirSync(join(stateDir, 'mdevs'))).toEqual([]);
    await expect(store.remove({ uuid: foreign, parent: PARENT, type: type.name }, LONG)).rejects.toThrow(
      /it is not ours/,
    );
    expect(existsSync(join(mdevsFolder, foreign))).toBe(true);
    removeForeign(foreign);
  });

  it('that somebody holds are removed when they let go; until then the message names them', async () => {
    const parent = readParent(PARENT);
    const mdev = await store.create(parent, readTypeFor(parent, 'copy'));
    const path = groupPathOf(mdev.uuid);
    const opened = openMdev(mdev.uuid, { iommuType: parent.iommuType });
    const removal = store.remove(mdev, { deadlineMillis: 4_000 });
    await expect(removal).rejects.toThrow(
      new RegExp(`not answered in time.*${path} is held by ${process.pid} \\(`),
    );
    expect(store.list()).toEqual([mdev]);
    for (const fd of [opened.device, opened.group, opened.container]) fd.close();
    await store.remove(mdev, LONG);
    expect(store.list()).toEqual([]);
  });

  it('whose group somebody else has open say who it is', async () => {
    const device = await startDevice(store);
    const path = groupPathOf(device.uuid);
    const held = openSync(path, 'r+');
    await expect(device.takeQueue()).rejects.toThrow(
      new RegExp(`open ${path}: EBUSY.*held by ${process.pid}`),
    );
    closeSync(held);
    await device.takeQueue().then(({ fd }) => fd.close());
    await device.close();
  });
});

describe('a custodian that was killed', () => {
  it('finds its own again, removes them, and leaves those of others', async () => {
    store.close();
    const foreign = createForeign();
    const child = spawn(process.execPath, [childPath('custodian.mjs'), stateDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const { uuid, instance } = JSON.parse(await firstLine(child)) as { uuid: string; instance: string };
    expect(available()).toBe(2);
    expect(() => new MdevStore({ stateDir })).toThrow(/another process has locked it.*ALREADY_RUNNING/);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    // Its descriptors are closed by now, and with them its queues and mappings.
    expect(available()).toBe(3);
    store = new MdevStore({ stateDir });
    expect(store.instance).toBe(instance);
    expect(store.list()).toEqual([{ uuid, parent: PARENT, type: 'wd_edu-copy' }]);
    expect(await store.removeLeftovers(LONG)).toEqual(new Map());
    expect(readdirSync(mdevsFolder)).toEqual([foreign]);
    removeForeign(foreign);
  });
});

describe('memory', () => {
  it('is mapped in pieces, at addresses with gaps; two devices of one parent do not collide', async () => {
    const use = new ParentUse();
    const first = await startDevice(store, use);
    const second = await startDevice(store, use, 'factorial');
    const large = createSealedMemory('large', 9 * 2 ** 20 + 5);
    const at = await Promise.all([
      mapFor(first, large, 9 * 2 ** 20 + 5),
      mapFor(second, large, 9 * 2 ** 20 + 5),
    ]);
    expect(at[1] - at[0]).toBe(9 * 2 ** 20 + 2 * 4096);
    const small = await mapFor(first, large, 4096);
    await first.unmapMemory(at[0]);
    await expect(first.unmapMemory(at[0])).rejects.toThrow(/nothing is mapped there/);
    await first.unmapMemory(small);
    // Addresses that don't come from one space do collide: the domain is one.
    const careless = await startDevice(store, new ParentUse());
    await careless.mapMemory(large, 4096);
    const [intruder] = [await startDevice(store, new ParentUse(), 'factorial')];
    await expect(intruder.mapMemory(large, 4096)).rejects.toThrow(/EEXIST.*something else is mapped/);
    for (const device of [first, second, careless, intruder]) await device.close();
    large.close();
  });
});

describe('the devices of a configuration', () => {
  it('serve, each by itself; what can not be had is told, and keeps no other from serving', async () => {
    store.close();
    const troubles: string[] = [];
    const settings = { queuesMax: 2, isDirect: false, allowNoiommu: false };
    const hardware = await Hardware.start(
      {
        copy0: { parent: PARENT, algorithm: 'copy', ...settings },
        absent0: { parent: 'absent', algorithm: 'copy', ...settings },
        sums0: { parent: PARENT, algorithm: 'crc32', ...settings },
        factorial0: { parent: PARENT, algorithm: 'factorial', ...settings },
      },
      {
        stateDir,
        onTrouble: (name, { code }) => troubles.push(`${name}: ${code}`),
        onUnguarded: (name) => troubles.push(`${name} is unguarded`),
      },
    );
    expect(troubles).toEqual(['absent0: DEVICE_UNUSABLE', 'sums0: DEVICE_UNUSABLE']);
    expect(readdirSync(mdevsFolder)).toHaveLength(2);
    const memory = createSealedMemory('region', 8192);
    const copy = await hardware.device('copy0');
    const factorial = await hardware.device('factorial0');
    const addresses = [await copy.mapMemory(memory, 8192), await factorial.mapMemory(memory, 8192)];
    expect(new Set(addresses).size).toBe(2);
    memory.close();
    (await copy.takeQueue()).fd.close();
    expect(available()).toBe(2);
    await expect(hardware.device('sums0')).rejects.toThrow(/no type for this algorithm/);
    await expect(hardware.device('other')).rejects.toThrow(/NO_SUCH_DEVICE/);
    await hardware.close();
    expect(readdirSync(mdevsFolder)).toEqual([]);
    expect(available()).toBe(3);
    store = new MdevStore({ stateDir });
  });
});

describe('loans', () => {
  const name = { channel: 1, queue: 1 };
  const request = { ...name, device: 'copy0', tenant: 'alice', deadlineMillis: 600_000 };
  let hardware: Hardware;
  let loans: Loans;

  beforeEach(async () => {
    store.close();
    const settings = { queuesMax: 1, isDirect: true, allowNoiommu: false };
    hardware = await Hardware.start(
      { copy0: { parent: PARENT, algorithm: 'copy', ...settings } },
      { stateDir, onTrouble: () => {}, onUnguarded: () => {} },
    );
    loans = new Loans(hardware);
  });

  afterEach(async () => {
    await hardware.close();
    store = new MdevStore({ stateDir });
  });

  it('an engine that comes back keeps those that it knows, and the mappings of regions that it knows', async () => {
    const map = (region: number): Promise<number> =>
      loans.map(name, region, createSealedMemory('region', 4096), 4096);
    (await loans.lend(request)).fd.close();
    const [known, unknown] = [await map(1), await map(2)];
    await loans.endOthers([{ ...name, regions: [1] }]);
    expect(await map(1)).toBe(known);
    // Mapped anew: addresses come back late.
    expect(await map(2)).not.toBe(unknown);
    expect(available()).toBe(2);
    await loans.endOthers([]);
    expect(available()).toBe(3);
    await expect(map(1)).rejects.toThrow(/NO_SUCH_QUEUE/);
  });

  it('who waits for one is let go by its end; the mdev is kept for who asks again', async () => {
    (await loans.lend(request)).fd.close();
    const waiting = loans.lend({ ...request, queue: 2 });
    await loans.end({ channel: 1, queue: 2 });
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
    await loans.end(name);
    const mdevs = readdirSync(mdevsFolder);
    expect(mdevs).toHaveLength(2);
    (await loans.lend(request)).fd.close();
    expect(readdirSync(mdevsFolder)).toEqual(mdevs);
    // One that is ended before its mdev is there leaves nothing behind.
    const early = loans.lend({ ...request, tenant: 'bob', queue: 3 });
    await loans.end({ channel: 1, queue: 3 });
    await expect(early).rejects.toMatchObject({ code: 'CANCELLED' });
    await loans.end(name);
    expect(available()).toBe(3);
  });
});

describe('warpctl mdev', () => {
  const program = fileURLToPath(new URL('../../../dist/src/cli/main.js', import.meta.url));
  const warpctl = (...words: string[]): { code: number | null; told: Record<string, unknown> } => {
    const { status, stdout } = spawnSync(process.execPath, [program, '--json', 'mdev', ...words]);
    return { code: status, told: JSON.parse(stdout.toString()) as Record<string, unknown> };
  };

  it('makes an mdev and removes it, but not under the hands of who has it open', () => {
    const uuid = randomUUID();
    expect(warpctl('create', PARENT, 'copy', '--uuid', uuid)).toMatchObject({ code: 0, told: { uuid } });
    expect(existsSync(join(mdevsFolder, uuid))).toBe(true);
    expect(store.list()).toEqual([]);
    const held = openSync(groupPathOf(uuid), 'r+');
    const refused = warpctl('remove', uuid);
    expect(refused.code).not.toBe(0);
    expect(refused.told['error']).toMatchObject({
      code: 'DEVICE_UNUSABLE',
      found: expect.stringMatching(new RegExp(`is held by ${process.pid} \\(`)) as unknown,
    });
    expect(existsSync(join(mdevsFolder, uuid))).toBe(true);
    closeSync(held);
    expect(warpctl('remove', uuid)).toMatchObject({ code: 0, told: { uuid } });
    expect(existsSync(join(mdevsFolder, uuid))).toBe(false);
  });
});

describe('a parent that goes away', () => {
  it('is told by name, and comes back', async () => {
    unloadModule('wd_edu');
    expect(parentNames()).toEqual([]);
    await expect(startDevice(store)).rejects.toThrow(/does not exist.*load the kernel module/);
    loadEdu({ queues: 5, reserve: 2 });
    const device = await startDevice(store);
    await device.close();
  });
});

function childPath(name: string): string {
  return fileURLToPath(new URL(`./children/${name}`, import.meta.url));
}

function firstLine(child: ChildProcess): Promise<string> {
  let text = '';
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) resolve(text);
    });
    child.once('exit', (code) => reject(new Error(`the child ended with ${code}`)));
  });
}
