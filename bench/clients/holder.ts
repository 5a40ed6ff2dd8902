// Holds channels that it doesn't use, each with as many queues and a region, and ends with its parent.
// Arguments: runtime folder, how many channels, slots and queues of each, the number of the first one's tenant if each is
// of another.

import { connect } from 'warpdrive';
import { crowdTenant } from '../tenants.ts';

const REGION_BYTES = 4096;
/** Channels that are opened side by side. */
const OPENING_MAX = 8;

const [runtimeDir = '', channels = '', slots = '', queues = '', firstTenant] = process.argv.slice(2);
process.on('disconnect', () => process.exit(0));
for (let opened = 0; opened < Number(channels); opened += OPENING_MAX) {
  const count = Math.min(OPENING_MAX, Number(channels) - opened);
  await Promise.all(Array.from({ length: count }, (_, index) => hold(opened + index)));
}
process.send?.('ready');

async function hold(index: number): Promise<void> {
  const tenant = firstTenant === undefined ? {} : { tenant: crowdTenant(Number(firstTenant) + index) };
  const connection = await connect({ runtimeDir, slots: Number(slots), ...tenant });
  if (queues === '0') return;
  for (let queue = 0; queue < Number(queues); queue++) await connection.requestQueue({ algorithm: 'crc32' });
  await connection.share(REGION_BYTES);
}
