// Holds channels, each with a queue and a region, and uses none of them. Arguments: runtime folder, how many.

import { connect } from 'warpdrive';

const REGION_BYTES = 4096;

const [runtimeDir = '', count] = process.argv.slice(2);
process.on('disconnect', () => process.exit(0));
for (let index = 0; index < Number(count); index++) {
  const connection = await connect({ runtimeDir });
  await connection.requestQueue({ algorithm: 'crc32' });
  await connection.share(REGION_BYTES);
}
process.send?.('ready');
