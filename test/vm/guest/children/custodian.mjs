// A custodian that is killed: owns an mdev, has a queue taken and memory mapped, says so, and waits for its end.
// Arguments: the state folder. Compiled code, as in production.

import { MdevStore } from '../../../../dist/src/daemon/custodian/mdev-store.js';
import { ENGINE_USER, ParentUse, QueueBudget } from '../../../../dist/src/daemon/custodian/parent-use.js';
import { SpimdevDevice } from '../../../../dist/src/daemon/custodian/spimdev-device.js';
import { createSealedMemory } from '../../../../dist/src/sys/memory.js';

const [, , stateDir] = process.argv;
const store = new MdevStore({ stateDir });
const device = await SpimdevDevice.start({
  parent: 'wd_edu0',
  algorithm: 'copy',
  allowNoiommu: false,
  store,
  use: new ParentUse(),
  user: ENGINE_USER,
  budget: new QueueBudget(64),
});
await device.takeQueue();
await device.mapMemory(createSealedMemory('region', 65536), 65536);
process.stdout.write(`${JSON.stringify({ uuid: device.uuid, instance: store.instance })}\n`);
setInterval(() => {}, 60_000);
