// Hardware queues that the daemon lends whole, on a device that separates those who use it: who may have one, what its
// holder reaches, and how it ends.

import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../fixtures/daemon.ts';
import { Clients, type Outcome } from './client.ts';
import { GuestDaemon } from './guest-daemon.ts';
import { loadEdu } from './modules.ts';
import { available, mdevsFolder, untilAvailable } from './parent.ts';

const ALICE = 1001;
const BOB = 1002;
const CAROL = 1003;
const LIMIT_MILLIS = 60_000;
/** Longer than a test may take. */
const LONG_MILLIS = 600_000;
const warpctl = fileURLToPath(new URL('../../../dist/src/cli/main.js', import.meta.url));
/** Where the custodian begins to map, and what it leaves between ranges. */
const FIRST_ADDRESS = 2 ** 32;
const PAGE_BYTES = 4096;
const REGION_BYTES = 16_384;

const configuration = `
[devices.edu0]
driver = "spimdev"
parent = "wd_edu0"
algorithm = "copy"
queues = 2
direct = true

# Emulated, a copy takes long whatever its size.
[limits]
request_millis = 600000

[tenants.alice]
match = [{ uid = ${ALICE} }]
direct = true

[tenants.bob]
match = [{ uid = ${BOB} }]
direct = true
wait_millis = ${LONG_MILLIS}
`;

let daemon: GuestDaemon;
let clients: Clients;

const wanted = { name: 'own', algorithm: 'copy', mode: 'direct' };

async function clientWithQueue(uid: number, text: string): ReturnType<Clients['of']> {
  const started = await clients.of(uid);
  await started.share('region', text, REGION_BYTES);
  await started.ask('request', wanted);
  return started;
}

interface Shown {
  readonly mdevs: readonly { readonly device: string; readonly type: string }[];
  readonly queues: readonly {
    readonly channel: number;
    readonly queue: number;
    readonly tenant: string;
    readonly device: string;
  }[];
}

function control(...words: string[]): Shown {
  const output = execFileSync(process.execPath, [
    warpctl,
    '--json',
    '--runtime-dir',
    daemon.runtimeDir,
    ...words,
  ]);
  return JSON.parse(output.toString()) as Shown;
}

beforeAll(async () => {
  loadEdu({ queues: 3, reserve: 1, dma_flag: 2 });
  daemon = await GuestDaemon.start(configuration);
  clients = new Clients(daemon.runtimeDir);
});

afterEach(async () => {
  await clients.reset();
  await untilAvailable(2);
  await eventually('only the mdev of the engine', () => readdirSync(mdevsFolder).length === 1, LIMIT_MILLIS);
});

afterAll(async () => {
  await clients.end();
  await daemon.stop();
  expect(readdirSync(mdevsFolder)).toEqual([]);
  loadEdu({ queues: 5, reserve: 2 });
});

it('each tenant has one of its own, on an mdev of its own, and reaches what is its own alone', async () => {
  const alice = await clientWithQueue(ALICE, 'alice');
  const bob = await clientWithQueue(BOB, 'bob--');
  expect(available()).toBe(0);
  const listed = control('mdevs').mdevs;
  expect(listed).toEqual(
    Array.from(
      { length: 3 },
      () => expect.objectContaining({ device: 'edu0', type: 'wd_edu-copy' }) as unknown,
    ),
  );
  for (const user of [alice, bob]) {
    const files = user.files();
    expect(files.filter((path) => path.includes('vfio'))).toEqual([]);
    expect(files.filter((path) => path === 'anon_inode:spimdev_q')).toHaveLength(1);
  }
  // A neighbour's address is nobody's address, for reading and for writing.
  const ofBob = FIRST_ADDRESS + REGION_BYTES + PAGE_BYTES;
  const theft = { from: ofBob, to: FIRST_ADDRESS + 8192, bytes: 5 };
  expect(await alice.ask('copyAddresses', theft)).toEqual({ code: 'DMA_FAULT' });
  expect(await alice.ask('read', { region: 'region', offset: 8192, length: 5 })).toBe('\0\0\0\0\0');
  // It is an address of Bob's: for him the same entry works.
  expect(await bob.ask('copyAddresses', { from: ofBob, to: ofBob + 8192, bytes: 5 })).toEqual({ code: 'OK' });
  expect(await bob.ask('read', { region: 'region', offset: 8192, length: 5 })).toBe('bob--');
});

it('requests go to the hardware without the daemon; regions that come later are reached too', async () => {
  const alice = await clientWithQueue(ALICE, 'direct');
  for (const pid of daemon.pids) process.kill(pid, 'SIGSTOP');
  const copied = await alice.copy('own', 'region', 6);
  for (const pid of daemon.pids) process.kill(pid, 'SIGCONT');
  expect(copied).toMatchObject({ code: 'OK', produced: 6, text: 'direct' });
  await alice.share('later', 'more of it', REGION_BYTES);
  expect(await alice.copy('own', 'later', 10)).toMatchObject({ code: 'OK', text: 'more of it' });
  await alice.ask('unshare', { name: 'region' });
  expect(await alice.copy('own', 'later', 10, 4096)).toMatchObject({ code: 'OK', text: 'more of it' });
  await alice.ask('release', { name: 'own' });
  await untilAvailable(2);
});

it('only tenants that may have one get one', async () => {
  const carol = await clients.of(CAROL);
  await expect(carol.ask('request', wanted)).rejects.toMatchObject({
    code: 'PERMISSION_DENIED',
    message: expect.stringContaining('direct') as unknown,
  });
});

it('all taken: who may wait waits in line, up to a deadline', async () => {
  const alice = await clientWithQueue(ALICE, 'alice');
  await alice.ask('request', { ...wanted, name: 'second' });
  expect(available()).toBe(0);
  const bob = await clients.of(BOB);
  await expect(bob.ask('request', { ...wanted, waitMillis: 100 })).rejects.toMatchObject({
    code: 'NO_HARDWARE_QUEUE',
  });
  const granted = bob.ask('request', { ...wanted, waitMillis: LIMIT_MILLIS });
  await alice.ask('release', { name: 'second' });
  await granted;
  await bob.share('region', 'at last');
  expect(await bob.copy('own', 'region', 7)).toMatchObject({ code: 'OK', text: 'at last' });
});

it('who waits and goes away gives its turn to the next, and asking in vain again makes no other mdev', async () => {
  const alice = await clientWithQueue(ALICE, 'alice');
  await alice.ask('request', { ...wanted, name: 'second' });
  const gone = (await clients.of(BOB)).ask('request', { ...wanted, waitMillis: LONG_MILLIS });
  const waits = expect(gone).rejects.toThrow(/the client ended/);
  await eventually('an mdev for Bob', () => readdirSync(mdevsFolder).length === 3, LIMIT_MILLIS);
  await clients.kill(BOB);
  await waits;
  const bob = await clients.of(BOB);
  const hasNone = { code: 'NO_HARDWARE_QUEUE' };
  await expect(bob.ask('request', { ...wanted, waitMillis: 0 })).rejects.toMatchObject(hasNone);
  const before = readdirSync(mdevsFolder).sort();
  await expect(bob.ask('request', { ...wanted, waitMillis: 0 })).rejects.toMatchObject(hasNone);
  expect(readdirSync(mdevsFolder).sort()).toEqual(before);
});

it('one that is revoked is stopped in the hardware, whoever still holds it', async () => {
  const alice = await clientWithQueue(ALICE, 'alice');
  const { queues } = control('queues');
  expect(queues).toMatchObject([{ tenant: 'alice', device: 'edu0' }]);
  control('revoke', String(queues[0]?.channel), String(queues[0]?.queue));
  await untilAvailable(2);
  await expect(alice.copy('own', 'region', 5)).rejects.toMatchObject({ code: 'RELEASED' });
  // What it still writes into its memory has no effect: the hardware serves others.
  const bob = await clientWithQueue(BOB, 'bob');
  expect(await bob.copy('own', 'region', 3)).toMatchObject({ code: 'OK', text: 'bob' });
});

it('it goes on when engine and broker die, and ends with its client', async () => {
  const alice = await clientWithQueue(ALICE, 'unmoved');
  await daemon.replace('engine');
  expect(await alice.copy('own', 'region', 7)).toMatchObject({ code: 'OK', text: 'unmoved' });
  await daemon.replace('broker');
  expect(await alice.copy('own', 'region', 7, 4096)).toMatchObject({ code: 'OK', text: 'unmoved' });
  await alice.share('later', 'and on', REGION_BYTES);
  expect(await alice.copy('own', 'later', 6)).toMatchObject({ code: 'OK', text: 'and on' });
  expect(available()).toBe(1);
  await clients.kill(ALICE);
  await untilAvailable(2);
});

it('it ends with the custodian, and its holder is told; another one can be had', async () => {
  const alice = await clientWithQueue(ALICE, 'alice');
  const sent = { queue: 'own', operation: 'copy', source: { region: 'region', bytes: 5 } };
  await alice.ask('sendDirectly', { ...sent, destination: { region: 'region', offset: 4096, bytes: 5 } });
  await daemon.replace('custodian');
  await expect(alice.copy('own', 'region', 5)).rejects.toMatchObject({ code: 'RELEASED' });
  await alice.ask('release', { name: 'own' });
  await alice.ask('request', wanted);
  expect(
    await alice.ask<Outcome>('run', { ...sent, destination: { region: 'region', offset: 8192, bytes: 5 } }),
  ).toMatchObject({ code: 'OK' });
});
