// A device that no IOMMU keeps from all memory, in the daemon: used only where that is allowed, through copies in pinned
// memory, for queues that tenants share.

import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Hardware } from '../../../src/daemon/custodian/hardware.ts';
import { Loans } from '../../../src/daemon/custodian/loans.ts';
import type { MdevStore } from '../../../src/daemon/custodian/mdev-store.ts';
import { BOUNCE_GRACE_MILLIS } from '../../../src/hwdrivers/spimdev/bounce-pool.ts';
import { PINNED_BYTES, pinMemory } from '../../../src/sys/pinned-memory.ts';
import { eventually } from '../../fixtures/daemon.ts';
import { Clients, type Outcome } from './client.ts';
import { GuestDaemon } from './guest-daemon.ts';
import { loadEdu } from './modules.ts';
import { debugFolder, mdevsFolder, PARENT } from './parent.ts';
import { openRig, openStore, startDevice, TestRegion } from './rig.ts';

const ALICE = 1001;
const BOB = 1002;
const LIMIT_MILLIS = 60_000;
const HUGE_PAGES = 12;
const hugePages = '/proc/sys/vm/nr_hugepages';

function configuration(isAllowed: boolean): string {
  return `
[devices.edu0]
driver = "spimdev"
parent = "${PARENT}"
algorithm = "copy"
queues = 2
allow_noiommu = ${isAllowed}

# Emulated, a copy takes long whatever its size.
[limits]
request_millis = 600000
`;
}

/** Moves what is in a page to another one, Documentation/ABI/testing/sysfs-memory-page-offline. */
const softOffline = '/sys/devices/system/memory/soft_offline_page';

/** Huge pages that nobody has. */
function freeHugePages(): number {
  return Number(/^HugePages_Free:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]);
}

beforeAll(() => {
  loadEdu({ queues: 3, reserve: 1, noiommu: 1 });
  writeFileSync('/sys/module/vfio/parameters/enable_unsafe_noiommu_mode', 'Y');
  writeFileSync(hugePages, String(HUGE_PAGES));
});

describe('pinned memory', () => {
  it('is one huge page, which the kernel does not move even when it is told to', () => {
    const pinned = pinMemory('test');
    expect(pinned.address % PINNED_BYTES).toBe(0);
    expect(freeHugePages()).toBe(HUGE_PAGES - 1);
    // Without the pin it would move the contents elsewhere, and take the page out of use.
    const moveAway = (): void => writeFileSync(softOffline, `0x${pinned.address.toString(16)}`);
    expect(moveAway).toThrow(/EBUSY|EIO/);
    pinned.close();
  });

  it('that there is none left of is told, with what to do', () => {
    writeFileSync(hugePages, '0');
    expect(() => pinMemory('test')).toThrow(/take a huge page.*vm\.nr_hugepages/);
    writeFileSync(hugePages, String(HUGE_PAGES));
  });
});

describe('one queue', () => {
  let store: MdevStore;

  beforeAll(() => {
    store = openStore();
  });

  afterAll(() => store.close());

  it('copies in and out exactly what was asked for; regions themselves are never given to the device', async () => {
    const device = await startDevice(store, undefined, 'copy', true);
    expect(device.mode).toBe('physical');
    const rig = openRig(device);
    const region = new TestRegion(32_768);
    await rig.port.addRegion(1, region.memory, region.bytes);
    region.buffer.fill('#');
    region.buffer.write('from here', 100);
    const copied = await rig.copy(
      { region: 1, offset: 100, bytes: 9 },
      { region: 1, offset: 16_384, bytes: 4096 },
    );
    expect(copied).toMatchObject({ code: 'OK', produced: 9 });
    expect(region.buffer.toString('latin1', 16_380, 16_400)).toBe('####from here#######');
    // A slot that has had other bytes in it gives none of them away.
    region.buffer.fill('-', 0, 4);
    const shorter = await rig.copy(
      { region: 1, offset: 0, bytes: 4 },
      { region: 1, offset: 20_000, bytes: 4096 },
    );
    expect(shorter).toMatchObject({ code: 'OK', produced: 4 });
    expect(region.buffer.toString('latin1', 19_999, 20_010)).toBe('#----######');
    expect(
      await rig.copy({ region: 1, offset: 0, bytes: 65_537 }, { region: 1, offset: 0, bytes: 65_537 }),
    ).toMatchObject({ code: 'TOO_LARGE' });
    expect(
      await rig.copy({ region: 2, offset: 0, bytes: 4 }, { region: 1, offset: 0, bytes: 4 }),
    ).toMatchObject({ code: 'DMA_FAULT' });
    expect(await rig.factorial(6)).toMatchObject({ code: 'OK', result: 720 });
    // More than there are slots: each waits for its own.
    region.buffer.write('0123456789abcdefghij', 0, 'latin1');
    const many = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        rig.copy({ region: 1, offset: index, bytes: 1 }, { region: 1, offset: 1000 + index, bytes: 1 }),
      ),
    );
    expect(many.every(({ code }) => code === 'OK')).toBe(true);
    expect(region.buffer.toString('latin1', 1000, 1020)).toBe('0123456789abcdefghij');
    await rig.close();
    region.close();
    await device.close();
  });
});

describe('a queue of its own', () => {
  it('is lent to nobody, whatever the configuration says', async () => {
    const troubles: string[] = [];
    const hardware = await Hardware.start(
      { edu0: { parent: PARENT, algorithm: 'copy', queuesMax: 2, isDirect: true, allowNoiommu: true } },
      {
        stateDir: mkdtempSync(join(tmpdir(), 'warpdrive-state-')),
        onTrouble: (device, { message }) => troubles.push(`${device}: ${message}`),
        onUnguarded: (device) => troubles.push(`${device} is unguarded`),
      },
    );
    const request = { channel: 1, queue: 1, device: 'edu0', tenant: 'alice', deadlineMillis: 0 };
    await expect(new Loans(hardware).lend(request)).rejects.toThrow(
      /would reach all memory of this machine.*UNSUPPORTED/,
    );
    expect(new Set(troubles)).toEqual(new Set(['edu0 is unguarded']));
    await hardware.close();
  });
});

describe('the daemon', () => {
  let daemon: GuestDaemon;
  let clients: Clients;

  afterEach(async () => {
    await clients.end();
    await daemon.stop();
    expect(readdirSync(mdevsFolder)).toEqual([]);
  });

  async function start(isAllowed: boolean): Promise<void> {
    daemon = await GuestDaemon.start(configuration(isAllowed));
    clients = new Clients(daemon.runtimeDir);
  }

  it('refuses such a device unless it is allowed', async () => {
    await start(false);
    expect(daemon.log).toMatch(/trouble with a hardware device.*reach all memory of this machine/);
    const alice = await clients.of(ALICE);
    await expect(
      alice.ask('request', { name: 'copy', algorithm: 'copy', device: 'edu0' }),
    ).rejects.toMatchObject({ code: 'DEVICE_UNAVAILABLE' });
    expect(readdirSync(mdevsFolder)).toEqual([]);
  });

  it('serves tenants by copies, lends no queue whole, goes on when a process dies, and keeps pages while a device may write', async () => {
    await start(true);
    expect(daemon.log).toMatch(/"level":40.*"device":"edu0".*without an IOMMU is used/);
    const alice = await clients.of(ALICE);
    const bob = await clients.of(BOB);
    for (const [client, text] of [
      [alice, 'alice'],
      [bob, 'bob--'],
    ] as const) {
      await client.ask('request', { name: 'copy', algorithm: 'copy', device: 'edu0' });
      await client.share('region', text);
    }
    const both = await Promise.all([alice.copy('copy', 'region', 5), bob.copy('copy', 'region', 5)]);
    expect(both).toMatchObject([
      { code: 'OK', text: 'alice' },
      { code: 'OK', text: 'bob--' },
    ]);
    await expect(
      bob.ask('request', { name: 'own', algorithm: 'copy', device: 'edu0', mode: 'direct' }),
    ).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    for (const [client, uid] of [
      [alice, ALICE],
      [bob, BOB],
    ] as const) {
      expect(
        client.files().filter((path) => /vfio|spimdev|memfd:bounce/.test(path)),
        String(uid),
      ).toEqual([]);
    }
    // A queue that stalls is given back; its page is kept for a while.
    const before = freeHugePages();
    writeFileSync(join(debugFolder, 'stall'), '1');
    await alice.ask('begin', {
      name: 'stalled',
      queue: 'copy',
      operation: 'copy',
      source: { region: 'region', bytes: 5 },
      destination: { region: 'region', offset: 4096, bytes: 5 },
    });
    const stalls = (): string => readFileSync(join(debugFolder, 'stall'), 'utf8').trim();
    await eventually('the device has begun it', () => stalls() === '0', LIMIT_MILLIS);
    writeFileSync(join(debugFolder, 'reset'), '1');
    expect((await alice.ask<Outcome>('finish', { name: 'stalled' })).code).toBe('DEVICE_RESET');
    await eventually('fresh queues have fresh pages', () => freeHugePages() < before, LIMIT_MILLIS);
    await eventually(
      'the pages are given back',
      () => freeHugePages() >= before,
      BOUNCE_GRACE_MILLIS + LIMIT_MILLIS,
    );
    await daemon.replace('engine');
    expect(await alice.copy('copy', 'region', 5, 8200)).toMatchObject({ code: 'OK', text: 'alice' });
    await daemon.replace('custodian');
    expect(await bob.copy('copy', 'region', 5, 8200)).toMatchObject({ code: 'OK', text: 'bob--' });
  });
});
