// One region, used by two devices: what the edu device has copied is compressed by the soft device, with no copy of ours
// between them. And what warpctl doctor says about a host that has all of it.

import { createLifeline } from '../../../src/daemon/engine/lifeline.ts';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MdevStore } from '../../../src/daemon/custodian/mdev-store.ts';
import type { SpimdevDevice } from '../../../src/daemon/custodian/spimdev-device.ts';
import { openSoftPort } from '../../../src/hwdrivers/soft/worker-port.ts';
import { loadEdu } from './modules.ts';
import { openRig, openStore, PortRig, startDevice, TestRegion } from './rig.ts';

const LENGTH = 3000;
const MIDDLE = 8192;
const END = 16_384;

let store: MdevStore;
let device: SpimdevDevice;

beforeAll(async () => {
  loadEdu({ queues: 5, reserve: 2 });
  store = openStore();
  device = await startDevice(store);
});

afterAll(async () => {
  await device.close();
  store.close();
});

it('the output of a request on one device is the input of the next on another', async () => {
  const faults = { delay_millis: 0, error_rate: 0, hang_rate: 0, crash_rate: 0 };
  const edu = openRig(device);
  const lifeline = createLifeline();
  const soft = new PortRig((events) =>
    openSoftPort('soft0', { backend: 'node', requestBytesMax: 65_536, faults }, events, lifeline.held),
  );
  const region = new TestRegion(32_768);
  for (const { port } of [edu, soft]) await port.addRegion(1, region.memory, region.bytes);
  soft.port.addSession(2, { algorithm: 'gzip', kind: 'level', level: 6 });
  const original = Buffer.from('a line that is copied, and then compressed\n'.repeat(100)).subarray(
    0,
    LENGTH,
  );
  original.copy(region.buffer);
  const copied = await edu.copy(
    { region: 1, offset: 0, bytes: LENGTH },
    { region: 1, offset: MIDDLE, bytes: LENGTH },
  );
  expect(copied).toMatchObject({ code: 'OK', produced: LENGTH });
  const compressed = await soft.compress(
    2,
    { region: 1, offset: MIDDLE, bytes: LENGTH },
    { region: 1, offset: END, bytes: 8192 },
  );
  expect(compressed.code).toBe('OK');
  expect(compressed.produced).toBeLessThan(LENGTH);
  expect(gunzipSync(region.buffer.subarray(END, END + compressed.produced)).equals(original)).toBe(true);
  await Promise.all([edu.close(), soft.close()]);
  region.close();
});

it('warpctl doctor finds this host fine, and names its parent, types, mdevs and groups', () => {
  const program = fileURLToPath(new URL('../../../dist/src/cli/main.js', import.meta.url));
  const output = execFileSync(process.execPath, [program, '--json', 'doctor']).toString();
  const { findings } = JSON.parse(output) as {
    findings: { subject: string; state: string; found: string }[];
  };
  const of = (subject: string): string => {
    const { state, found } = findings.find((finding) => finding.subject === subject) ?? {};
    return `${state}: ${found}`;
  };
  expect(of('kernel')).toBe(`ok: Linux ${readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()}`);
  expect(of('IOMMU')).toMatch(/^ok: dmar/);
  expect(of('VFIO')).toMatch(/^ok:/);
  expect(of('parent wd_edu0')).toBe('ok: SPIMDEV of RFC v1; memory: single-process');
  expect(of('type wd_edu-copy')).toMatch(/^ok: 3 hardware queues left/);
  expect(of(`mdev ${device.uuid.slice(0, 8)}`)).toMatch(/^ok: group/);
  expect(of('permissions')).toMatch(/^ok: root/);
  expect(findings.filter(({ state }) => state === 'problem')).toEqual([]);
});
