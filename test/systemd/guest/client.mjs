// A client of an ordinary user: hashes without pause and checks each result, until told to stop. Tells how it goes, one
// JSON line for each change, in the file that it is given.

import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';

// Of the installed package, wherever this file lies.
const { connect } = await import(`${process.env.WARPDRIVE_ROOT}/dist/src/client/index.js`);
const [path] = process.argv.slice(2);
const counts = { done: 0, interrupted: 0, wrong: 0, failed: 0 };
const tell = (more = {}) => appendFileSync(path, `${JSON.stringify({ ...counts, ...more })}\n`);
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());

const connection = await connect({ timeoutMillis: 120_000, reconnectMillis: 240_000 });
const queue = await connection.requestQueue({ algorithm: 'sha-256' });
const region = await connection.share(8192);
region.buffer.fill('scenario', 0, 4096);
const expected = createHash('sha256').update(region.buffer.subarray(0, 4096)).digest('hex');
const source = { region, offset: 0, bytes: 4096 };
const destination = { region, offset: 4096, bytes: 32 };

let toldMillis = 0;
while (!stop.signal.aborted) {
  try {
    await queue.submit({ operation: 'sha-256', source, destination });
    counts.done += 1;
    if (region.buffer.toString('hex', 4096, 4128) !== expected) counts.wrong += 1;
  } catch (error) {
    if (error.code === 'INTERRUPTED') counts.interrupted += 1;
    else counts.failed += 1;
    tell({ code: error.code, message: error.message });
  }
  if (performance.now() - toldMillis < 200) continue;
  toldMillis = performance.now();
  tell();
}
await connection.close();
tell({ isEnded: true });
