// A client that is killed: it has a channel, queues, a session, regions, and requests in flight. Argument: runtime folder.

import { connect } from '../../src/client/index.ts';

const REGION_BYTES = 256 * 1024;
const DEPTH = 32;
/** It is to be killed, not to give up on a busy machine. */
const CALL_MILLIS_MAX = 60_000;

const [runtimeDir = ''] = process.argv.slice(2);
process.on('disconnect', () => process.exit(1));
const connection = await connect({ runtimeDir, timeoutMillis: CALL_MILLIS_MAX });
const [region, other] = [await connection.share(REGION_BYTES), await connection.share(REGION_BYTES)];
region.buffer.fill('what nobody else is to see');
const gzip = await connection.requestQueue({ algorithm: 'gzip', depth: DEPTH });
const copy = await connection.requestQueue({ algorithm: 'copy', depth: DEPTH });
const session = await gzip.openSession({ level: 6 });
const source = { region, offset: 0, bytes: REGION_BYTES / 2 };
const destination = { region: other, offset: 0, bytes: REGION_BYTES };
while (gzip.send({ operation: 'gzip-compress', session, source, destination }));
while (copy.send({ operation: 'copy', source, destination }));
copy.recv([]);
process.send?.('ready');
