// A device that no IOMMU keeps from all memory, in the daemon: used only where that is allowed, through copies in pinned
// memory, for queues that tenants share.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { MdevStore } from '../../../src/daemon/custodian/mdev-store.ts';
import { BOUNCE_GRACE_MILLIS } from '../../../src/hwdrivers/spimdev/bounce-pool.ts';
import { PINNED_BYTES, pinMemory } from '../../../src/sys/pinned-memory.ts';
import { mapBare } from '../../../src/sys/memory.ts';
import { eventually } from '../../fixtures/daemon.ts';
import { Clients, type Outcome } from './client.ts';
import { GuestDaemon } from './guest-daemon.ts';
import { loadEdu } from './modules.ts';
import { debugFolder, openRig, openStore, PARENT, startDevice, TestRegion } from './rig.ts';

const ALICE = 1001;
const BOB = 1002;
const LIMIT_MILLIS = 60_000;
const HUGE_PAGES = 12;
const mdevs = '/sys/bus/mdev/devices';
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

[tenants.bob]
match = [{ uid = ${BOB} }]
direct = true
`;
}

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
  it('has the physical address that it is said to have: what a device writes there is seen, and it stays', () => {
    const pinned = pinMemory('test');
    const mapping = mapBare(pinned.memory, PINNED_BYTES);
    expect(pinned.address % PINNED_BYTES).toBe(0);
    expect(freeHugePages()).toBe(HUGE_PAGES - 1);
    // The kernel can't take it away for others: it is neither moved nor freed.
    writeFileSync('/proc/sys/vm/compact_memory', '1');
    expect(mapping.buffer.every((byte) => byte === 0)).toBe(true);
    mapping.unmap();
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

describe('the daemon', () => {
  let daemon: GuestDaemon;
  let clients: Clients;

  afterEach(async () => {
    await clients.end();
    await daemon.stop();
    expect(readdirSync(mdevs)).toEqual([]);
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
    expect(readdirSync(mdevs)).toEqual([]);
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
    writeFileSync(join(debugFolder, 'reset'), '1');
    expect((await alice.ask<Outcome>('finish', { name: 'stalled' })).code).toBe('OK');
    expect(freeHugePages()).toBeLessThan(before);
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
