// What a kernel refuses the daemon, or takes away from it: instances and hardware queues that others have, a group that
// isn't VFIO's, a mapping. Each costs no more than it has to, is told with what to do, and is over when its cause is.

import { readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { closeMdev, getQueue, type OpenMdev, openMdev } from '../../../src/daemon/custodian/vfio.ts';
import { readParent } from '../../../src/hwdrivers/spimdev/parents.ts';
import { closeAll, type Fd } from '../../../src/sys/fd.ts';
import { eventually } from '../../fixtures/daemon.ts';
import { Clients, type Outcome } from './client.ts';
import { GuestDaemon } from './guest-daemon.ts';
import { loadEdu } from './modules.ts';
import { createForeign, debugFolder, mdevsFolder, PARENT, removeForeign } from './parent.ts';

const ALICE = 1001;
const BOB = 1002;
const LIMIT_MILLIS = 120_000;
const neighbourDriver = '/sys/bus/platform/drivers/wd_neighbour';
/** Of which one is kept back. */
const HARDWARE_QUEUES = 3;
const INSTANCES = 2;

const configuration = `
[devices.edu0]
driver = "spimdev"
parent = "${PARENT}"
algorithm = "copy"
queues = 2
failures_max = 0
retry_seconds = 1

# Emulated, a copy takes long whatever its size.
[limits]
request_millis = 600000
`;

const wanted = { name: 'copy', algorithm: 'copy', device: 'edu0' };

let daemon: GuestDaemon;
let clients: Clients;
/** Mdevs of somebody else. */
const foreign: string[] = [];

function ownMdevs(): string[] {
  return readdirSync(mdevsFolder).filter((uuid) => !foreign.includes(uuid));
}

async function clientWithQueue(uid: number, text: string): ReturnType<Clients['of']> {
  const client = await clients.of(uid);
  await client.ask('request', wanted);
  await client.share('region', text);
  return client;
}

function takeAll(mdev: OpenMdev): Fd[] {
  const queues: Fd[] = [];
  for (let queue = getQueue(mdev); queue !== undefined; queue = getQueue(mdev)) queues.push(queue);
  return queues;
}

/** The last line of the daemon's log with such a message. */
function told(message: RegExp): Record<string, unknown> | undefined {
  const lines = daemon.log.split('\n').filter((line) => message.test(line));
  return JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown>;
}

beforeAll(async () => {
  loadEdu({ queues: HARDWARE_QUEUES, reserve: 1, instances: INSTANCES });
  while (foreign.length < INSTANCES) foreign.push(createForeign());
  daemon = await GuestDaemon.start(configuration);
  clients = new Clients(daemon.runtimeDir);
});

afterEach(() => clients.reset());

afterAll(async () => {
  await clients.end();
  await daemon.stop();
  expect(ownMdevs()).toEqual([]);
  for (const uuid of foreign.splice(0)) removeForeign(uuid);
  loadEdu({ queues: 5, reserve: 2 });
});

it('others have all instances: the device is not there, nothing half-made stays, and it serves when one is free', async () => {
  expect(told(/trouble with a hardware device/)).toMatchObject({
    device: 'edu0',
    code: 'DEVICE_UNUSABLE',
    found: expect.stringMatching(/^\/sys\/.*\/wd_edu-copy\/create: the kernel answered EUSERS$/) as unknown,
    hint: 'no instances are left: remove an mdev that is not needed',
  });
  const alice = await clients.of(ALICE);
  await expect(alice.ask('request', wanted)).rejects.toMatchObject({ code: 'DEVICE_UNAVAILABLE' });
  expect(ownMdevs()).toEqual([]);
  expect(readdirSync(join(daemon.runtimeDir, 'state/mdevs'))).toEqual([]);
  removeForeign(foreign.pop() as string);
  await eventually('an mdev of its own', () => ownMdevs().length === 1, LIMIT_MILLIS);
  await eventually(
    'a queue is granted',
    () =>
      alice.ask('request', wanted).then(
        () => true,
        () => false,
      ),
    LIMIT_MILLIS,
  );
  await alice.share('region', 'at last');
  expect(await alice.copy('copy', 'region', 7)).toMatchObject({ code: 'OK', text: 'at last' });
});

it('others have all hardware queues: requests wait until one is given back', async () => {
  const mdev = openMdev(foreign[0] as string, { iommuType: readParent(PARENT).iommuType });
  const queues = takeAll(mdev);
  try {
    expect(queues).toHaveLength(HARDWARE_QUEUES - 1);
    const alice = await clientWithQueue(ALICE, 'patient');
    await alice.begin('waiting', 'copy', 'region', 7);
    expect(getQueue(mdev)).toBeUndefined();
  } finally {
    closeAll(queues);
    closeMdev(mdev);
  }
  const alice = await clients.of(ALICE);
  expect(await alice.ask<Outcome>('finish', { name: 'waiting' })).toMatchObject({ code: 'OK', produced: 7 });
});

it('the group is not viable: nothing of it is kept open, requests get a code, and run when it is', async () => {
  writeFileSync(join(debugFolder, 'neighbours'), 'Y');
  await daemon.replace('custodian');
  writeFileSync(join(debugFolder, 'neighbours'), 'N');
  const [uuid] = ownMdevs();
  const group = join('/dev/vfio', basename(readlinkSync(join(mdevsFolder, uuid as string, 'iommu_group'))));
  const [neighbour] = readdirSync(neighbourDriver).filter((name) => name.startsWith('wd_neighbour.'));
  const alice = await clientWithQueue(ALICE, 'viable');
  expect(await alice.copy('copy', 'region', 6)).toMatchObject({
    code: 'DEVICE_ERROR',
    text: '\0'.repeat(6),
  });
  expect(told(/can't be brought up/)?.['found']).toMatch(
    new RegExp(`use ${group}: the group is not viable.*: ${neighbour} \\(wd_neighbour\\).*unbind them`),
  );
  for (const pid of daemon.pids) expect(filesOf(pid)).not.toContain(group);
  writeFileSync(join(neighbourDriver, 'unbind'), neighbour as string);
  await eventually(
    'requests run',
    async () => (await alice.copy('copy', 'region', 6)).code === 'OK',
    LIMIT_MILLIS,
  );
  expect(await alice.ask('read', { region: 'region', offset: 8192, length: 6 })).toBe('viable');
});

it('a mapping is taken away under the device: its tenant gets a code and no byte changes; others go on', async () => {
  const alice = await clientWithQueue(ALICE, 'alice');
  const bob = await clientWithQueue(BOB, 'bob');
  expect(await alice.copy('copy', 'region', 5)).toMatchObject({ code: 'OK', text: 'alice' });
  expect(await bob.copy('copy', 'region', 3)).toMatchObject({ code: 'OK', text: 'bob' });
  await alice.ask('fill', { region: 'region', text: 'other' });
  writeFileSync(join(debugFolder, 'unmap'), '1');
  // And it stays so: the mapping is gone, not the request.
  for (const offset of [8192, 4096]) {
    const before = await alice.ask<string>('read', { region: 'region', offset, length: 5 });
    expect(await alice.copy('copy', 'region', 5, offset)).toMatchObject({ code: 'DMA_FAULT', text: before });
    expect(await alice.ask('read', { region: 'region', length: 5 })).toBe('other');
  }
  expect(await bob.copy('copy', 'region', 3, 4096)).toMatchObject({ code: 'OK', text: 'bob' });
  await alice.share('fresh', 'mapped anew');
  expect(await alice.copy('copy', 'fresh', 11)).toMatchObject({ code: 'OK', text: 'mapped anew' });
});

function filesOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).map((name) => readlinkSync(join(folder, name)));
}
