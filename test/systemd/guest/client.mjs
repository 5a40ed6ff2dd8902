// A client of an ordinary user: hashes, or copies by the device that it is told, without pause, and checks each result, until
// told to stop. Tells how it goes, one JSON line for each change, in the file that it is given.

import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';

// Of the installed package, wherever this file lies.
const { connect } = await import(`${process.env.WARPDRIVE_ROOT}/dist/src/client/index.js`);
const [path, device] = process.argv.slice(2);
const counts = { done: 0, interrupted: 0, wrong: 0, failed: 0 };
/** What may become of a request whose hardware queue is lost, or that was in flight when nobody was left who knew of it. */
const interruptions = new Set(['INTERRUPTED', 'DEVICE_RESET']);
const tell = (more = {}) => appendFileSync(path, `${JSON.stringify({ ...counts, ...more })}\n`);
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());

const connection = await connect({ timeoutMillis: 120_000, reconnectMillis: 240_000 });
const region = await connection.share(8192);
region.buffer.fill('scenario', 0, 4096);
const input = region.buffer.subarray(0, 4096);
const [algorithm, expected] =
  device === undefined ? ['sha-256', createHash('sha256').update(input).digest()] : ['copy', input];
const queue = await connection.requestQueue({ algorithm, ...(device === undefined ? {} : { device }) });
const output = region.buffer.subarray(4096, 4096 + expected.length);
const source = { region, offset: 0, bytes: input.length };
const destination = { region, offset: 4096, bytes: output.length };

let toldMillis = 0;
while (!stop.signal.aborted) {
  try {
    output.fill(0);
    await queue.submit({ operation: algorithm, source, destination });
    counts.done += 1;
    if (!output.equals(expected)) counts.wrong += 1;
  } catch (error) {
    if (interruptions.has(error.code)) counts.interrupted += 1;
    else counts.failed += 1;
    tell({ code: error.code, message: error.message });
  }
  if (performance.now() - toldMillis < 200) continue;
  toldMillis = performance.now();
  tell();
}
await connection.close();
tell({ isEnded: true });
