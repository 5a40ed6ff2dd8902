// The installed package on a real device: a parent of mediated devices, behind an IOMMU. Two users copy by it all the time.

import assert from 'node:assert/strict';
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  allActive,
  CONFIG,
  endClients,
  eventually,
  goOn,
  goOnUnharmed,
  mainPid,
  parts,
  restart,
  service,
  show,
  start,
  startClients,
  stopAll,
  strike,
} from './machine.mjs';

const MDEVS = '/sys/bus/mdev/devices';

// Emulated, a copy takes long whatever its size.
const configuration = `
[devices.edu0]
driver = "spimdev"
parent = "wd_edu0"
algorithm = "copy"
queues = 3
[limits]
request_millis = 600000
`;

// Not even started yet, perhaps.
await stopAll();
writeFileSync(CONFIG, configuration);
start();
// Emulated, that takes longer than a client waits.
await allActive();
const clients = startClients('edu0');

await test('ordinary users work on the device; the daemon has made one mediated device, and holds its descriptors', async () => {
  await goOnUnharmed(clients);
  assert.equal(readdirSync(MDEVS).length, 1);
  for (const { child } of clients) assert.deepEqual(vfioDescriptors(child.pid), []);
  assert.notDeepEqual(vfioDescriptors(mainPid('custodian')), []);
});

for (const part of parts) {
  await test(`the ${part} is killed, and restarted: clients go on`, async () => {
    await strike(part, 'SIGKILL');
    await goOnUnharmed(clients);
    await restart(part);
    await goOnUnharmed(clients);
    assert.equal(readdirSync(MDEVS).length, 1);
  });
}

await test('a stop leaves no mediated device; after a start clients set up again', async () => {
  await stopAll();
  assert.deepEqual(readdirSync(MDEVS), []);
  start();
  await goOn(clients);
});

await test('the clients end in order, and give everything back', async () => {
  await endClients(clients);
  await eventually('no queue is left', () => show(service('engine'), 'StatusText').includes(' 0 queues'));
});

/** Descriptors of VFIO that a process has open. */
function vfioDescriptors(pid) {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder)
    .map((fd) => readlinkSync(`${folder}/${fd}`))
    .filter((path) => /vfio/.test(path));
}
