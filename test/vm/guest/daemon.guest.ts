// The daemon as a whole on a real device, for tenants that share it: who has what, what they see of each other and of
// the device's troubles, and what becomes of all that when a process dies.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../fixtures/daemon.ts';
import { Clients, type Outcome } from './client.ts';
import { GuestDaemon } from './guest-daemon.ts';
import { loadEdu } from './modules.ts';
import {
  available,
  createForeign,
  debugFolder,
  mdevsFolder,
  parentFolder,
  removeForeign,
  untilAvailable,
} from './parent.ts';

const ALICE = 1001;
const BOB = 1002;
const LIMIT_MILLIS = 60_000;
const entryLimit = '/sys/module/vfio_iommu_type1/parameters/dma_entry_limit';

const configuration = `
[devices.edu0]
driver = "spimdev"
parent = "wd_edu0"
algorithm = "copy"
queues = 3
reserve = 1
request_millis_max = 4000
failures_max = 1
retry_seconds = 3
direct = true

[devices.absent0]
driver = "spimdev"
parent = "absent"
algorithm = "factorial"

[devices.soft0]
driver = "soft"
queues = 1
backend = "node"

# Emulated, a copy takes long whatever its size.
[limits]
request_millis = 600000

[tenants.bob]
match = [{ uid = ${BOB} }]
queues = 2
direct = true
`;

let daemon: GuestDaemon;
/** An mdev of somebody else. */
let foreign: string;
let clients: Clients;

function ownMdevs(): string[] {
  return readdirSync(mdevsFolder).filter((uuid) => uuid !== foreign);
}

/** A client with a queue on the device, and a region. */
async function clientWithQueue(uid: number, text: string): ReturnType<Clients['of']> {
  const started = await clients.of(uid);
  await started.ask('request', { name: 'copy', algorithm: 'copy', device: 'edu0' });
  await started.share('region', text);
  return started;
}

function inject(name: string, count: number): void {
  writeFileSync(join(debugFolder, name), String(count));
}

beforeAll(async () => {
  loadEdu({ queues: 5, reserve: 1 });
  foreign = createForeign();
  daemon = await GuestDaemon.start(configuration);
  clients = new Clients(daemon.runtimeDir);
});

afterEach(async () => {
  await clients.reset();
  await untilAvailable(4);
});

afterAll(async () => {
  await clients.end();
  await daemon.stop();
  expect(ownMdevs()).toEqual([]);
  expect(existsSync(join(mdevsFolder, foreign))).toBe(true);
  removeForeign(foreign);
});

it('two users share one mdev, with no descriptor of VFIO; a hardware queue is taken for each, and given back', async () => {
  expect(ownMdevs()).toHaveLength(1);
  expect(available()).toBe(4);
  const alice = await clients.of(ALICE);
  const bob = await clients.of(BOB);
  expect(available()).toBe(4);
  await alice.ask('request', { name: 'copy', algorithm: 'copy' });
  await untilAvailable(3);
  await bob.ask('request', { name: 'copy', algorithm: 'copy', device: 'edu0' });
  await untilAvailable(2);
  await bob.ask('request', { name: 'more', algorithm: 'copy', device: 'edu0' });
  await alice.share('region', 'from alice');
  await bob.share('region', 'from bob..');
  const both = await Promise.all([alice.copy('copy', 'region', 10), bob.copy('copy', 'region', 10)]);
  expect(both).toMatchObject([
    { code: 'OK', produced: 10, text: 'from alice' },
    { code: 'OK', produced: 10, text: 'from bob..' },
  ]);
  for (const [user, uid] of [
    [alice, ALICE],
    [bob, BOB],
  ] as const) {
    expect(await user.ask('ids')).toEqual([uid, uid]);
    expect(user.files().filter((path) => /vfio|spimdev/.test(path))).toEqual([]);
  }
  // Two of three: one is kept back.
  expect(available()).toBe(2);
  await expect(bob.ask('request', { name: 'third', algorithm: 'copy' })).rejects.toMatchObject({
    code: 'QUOTA_EXCEEDED',
    message: expect.stringContaining('tenants.bob.queues') as unknown,
  });
  await alice.ask('release', { name: 'copy' });
  await bob.ask('release', { name: 'copy' });
  await untilAvailable(3);
  await bob.ask('release', { name: 'more' });
  await untilAvailable(4);
  expect(ownMdevs()).toHaveLength(1);
});

it('a device that can not be had refuses queues, and the others serve', async () => {
  expect(daemon.log).toMatch(/trouble with a hardware device.*absent/);
  const alice = await clients.of(ALICE);
  await expect(
    alice.ask('request', { name: 'f', algorithm: 'factorial', device: 'absent0' }),
  ).rejects.toMatchObject({
    code: 'DEVICE_UNAVAILABLE',
  });
});

it('one region serves two devices: what edu has copied is compressed by soft', async () => {
  const line = 'a line that is copied, and then compressed\n';
  const text = line.repeat(70).slice(0, 3000);
  const alice = await clientWithQueue(ALICE, text);
  await alice.ask('request', { name: 'gzip', algorithm: 'gzip', device: 'soft0' });
  await alice.ask('session', { name: 'level', queue: 'gzip', level: 6 });
  expect(await alice.copy('copy', 'region', 3000, 4096)).toMatchObject({ code: 'OK', text });
  const compressed = await alice.ask<Outcome>('run', {
    queue: 'gzip',
    operation: 'gzip-compress',
    session: 'level',
    source: { region: 'region', offset: 4096, bytes: 3000 },
    destination: { region: 'region', offset: 8192, bytes: 4096 },
  });
  expect(compressed.code).toBe('OK');
  const packed = await alice.ask<string>('base64', {
    region: 'region',
    offset: 8192,
    length: compressed.produced,
  });
  expect(gunzipSync(Buffer.from(packed, 'base64')).toString()).toBe(text);
});

it('a region that can not be mapped costs its tenant a code, and others nothing', async () => {
  const limit = readFileSync(entryLimit, 'utf8');
  // Of the container that is opened next: one mapping.
  writeFileSync(entryLimit, '1');
  const alice = await clientWithQueue(ALICE, 'alice');
  expect(await alice.copy('copy', 'region', 5)).toMatchObject({ code: 'OK', text: 'alice' });
  writeFileSync(entryLimit, limit);
  const bob = await clientWithQueue(BOB, 'bob');
  expect(await bob.copy('copy', 'region', 3)).toMatchObject({ code: 'DMA_FAULT', text: '\0\0\0' });
  expect(daemon.log).toMatch(/ENOSPC.*dma_entry_limit.*a region can not be reached by a device/);
  expect(await alice.copy('copy', 'region', 5, 4096)).toMatchObject({ code: 'OK', text: 'alice' });
});

it('a client that is killed in the middle of a DMA harms nobody', async () => {
  const alice = await clientWithQueue(ALICE, 'alice');
  const bob = await clientWithQueue(BOB, 'unharmed');
  for (const name of ['1', '2', '3']) {
    await alice.begin(name, 'copy', 'region', 8192);
  }
  await clients.kill(ALICE);
  expect(await bob.copy('copy', 'region', 8)).toMatchObject({ code: 'OK', text: 'unharmed' });
  await untilAvailable(3);
});

it('where the device separates nobody, a tenant has a queue of its own only while nobody else uses the device', async () => {
  const alice = await clientWithQueue(ALICE, 'in line');
  const bob = await clients.of(BOB);
  const wanted = { name: 'own', algorithm: 'copy', device: 'edu0', mode: 'direct' };
  expect(await alice.copy('copy', 'region', 7)).toMatchObject({ code: 'OK' });
  await expect(bob.ask('request', { ...wanted, waitMillis: 200 })).rejects.toMatchObject({
    code: 'NO_HARDWARE_QUEUE',
    message: expect.stringContaining("doesn't separate those who use it") as unknown,
  });
  await alice.ask('reset');
  await bob.ask('request', { ...wanted, waitMillis: LIMIT_MILLIS });
  await bob.share('region', 'alone');
  await alice.ask('request', { name: 'copy', algorithm: 'copy', device: 'edu0' });
  await alice.share('region', 'in line');
  await alice.begin('waiting', 'copy', 'region', 7);
  expect(await bob.copy('own', 'region', 5)).toMatchObject({ code: 'OK', text: 'alone' });
  expect(available()).toBe(3);
  await bob.ask('reset');
  expect(await alice.ask('finish', { name: 'waiting' })).toMatchObject({ code: 'OK', produced: 7 });
});

it('the custodian is killed: mappings and queues are made anew, on an mdev of its own, and foreign ones stay', async () => {
  const alice = await clientWithQueue(ALICE, 'still here');
  expect(await alice.copy('copy', 'region', 10)).toMatchObject({ code: 'OK' });
  const before = ownMdevs();
  await daemon.replace('custodian');
  expect(await alice.copy('copy', 'region', 10, 4096)).toMatchObject({ code: 'OK', text: 'still here' });
  const after = ownMdevs();
  expect(after).toHaveLength(1);
  expect(after).not.toEqual(before);
  expect(existsSync(join(mdevsFolder, foreign))).toBe(true);
  const bob = await clientWithQueue(BOB, 'bob');
  expect(await bob.copy('copy', 'region', 3)).toMatchObject({ code: 'OK', text: 'bob' });
});

it('the engine is killed in the middle of a DMA: nothing is lost', async () => {
  const alice = await clientWithQueue(ALICE, 'twice');
  const before = ownMdevs();
  await alice.begin('running', 'copy', 'region', 5, 4096);
  await daemon.replace('engine');
  expect(await alice.ask('finish', { name: 'running' })).toMatchObject({ code: 'OK', produced: 5 });
  expect(await alice.copy('copy', 'region', 5)).toMatchObject({ code: 'OK', text: 'twice' });
  expect(ownMdevs()).toEqual(before);
  expect(available()).toBe(3);
});

it('a device that stalls is given fresh hardware; too often, and its queues move to another one until it is back', async () => {
  const alice = await clientWithQueue(ALICE, 'patient');
  inject('stall', 2);
  expect(await alice.copy('copy', 'region', 7)).toMatchObject({ code: 'DEVICE_TIMEOUT' });
  expect(await alice.copy('copy', 'region', 7)).toMatchObject({ code: 'DEVICE_TIMEOUT' });
  expect(daemon.log).toMatch(/"device":"edu0".*device out of service/);
  expect(await alice.copy('copy', 'region', 7)).toMatchObject({ code: 'OK', text: 'patient' });
  expect(daemon.log).toMatch(/"from":"edu0","to":"soft0","msg":"queue moved"/);
  await daemon.logged(/device in service again/);
  await alice.ask('request', { name: 'again', algorithm: 'copy', device: 'edu0' });
  expect(await alice.copy('again', 'region', 7, 4096)).toMatchObject({ code: 'OK', text: 'patient' });
});

it('a parent that is unbound while it is in use is let go of, and used again when it is back', async () => {
  const alice = await clientWithQueue(ALICE, 'alice');
  expect(await alice.copy('copy', 'region', 5)).toMatchObject({ code: 'OK' });
  const path = realpathSync(parentFolder);
  const driver = realpathSync(join(path, 'driver'));
  const before = daemon.log.length;
  // The kernel waits until everybody has let go.
  await write(join(driver, 'unbind'), basename(path));
  expect(readdirSync(mdevsFolder)).toEqual([]);
  expect(await alice.copy('copy', 'region', 5, 4096)).toMatchObject({ code: 'DEVICE_ERROR' });
  const trouble = /"device":"edu0",.*trouble with a hardware device/;
  await eventually('it is missed', () => trouble.test(daemon.log.slice(before)), LIMIT_MILLIS);
  const from = daemon.log.length;
  await write(join(driver, 'bind'), basename(path));
  foreign = createForeign();
  await eventually('the device is back', () => ownMdevs().length === 1, LIMIT_MILLIS);
  expect(daemon.log.slice(from)).not.toMatch(/"level":50/);
  await eventually(
    'requests run again',
    async () => (await alice.copy('copy', 'region', 5, 4096)).code === 'OK',
    LIMIT_MILLIS,
  );
  expect(await alice.ask('read', { region: 'region', offset: 4096, length: 5 })).toBe('alice');
});

/** A write that may wait for others, among them those to whom this process has to answer. */
async function write(path: string, text: string): Promise<void> {
  const child = spawn('sh', ['-c', 'printf %s "$2" > "$1"', 'sh', path, text], { stdio: 'inherit' });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  expect(code).toBe(0);
}
