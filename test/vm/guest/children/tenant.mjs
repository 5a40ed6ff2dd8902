// A tenant's program with a direct queue, as an unprivileged user. Descriptors 4 and 5 are the queue and one region of
// `bytes` bytes, which the device sees at `address`; it does what it is told, one message at a time.
//
// Arguments: bytes, address.

import { readdirSync, readlinkSync } from 'node:fs';
import { DirectQueue } from '../../../../dist/src/client/direct-queue.js';
import { Fd } from '../../../../dist/src/sys/fd.js';
import { mapShared } from '../../../../dist/src/sys/memory.js';

const [bytes, address] = process.argv.slice(2).map(Number);
const mapping = mapShared(new Fd(5, 'region'), bytes);
const region = { number: 1, buffer: mapping.buffer };
/** Region 1 is ours; region 2 is whatever address we are told to name. */
const addresses = { 1: address, 2: -2 };
const queue = new DirectQueue({
  fd: new Fd(4, 'queue'),
  deviceApi: 'wd_edu_v1',
  addresses: { addressOf: (handle) => addresses[handle] ?? -2 },
});

const commands = {
  files: () => readdirSync('/proc/self/fd').flatMap((name) => linkOf(name)),
  ids: () => [process.getuid(), process.getgid()],
  fill: ({ offset, text }) => region.buffer.write(text, offset),
  read: ({ offset, length }) => region.buffer.toString('latin1', offset, offset + length),
  /** Copies inside the region; with `foreign` the source or the destination is that address. */
  copy: ({ from, to, length, foreignSource, foreignDestination }) => {
    addresses[2] = foreignSource ?? foreignDestination ?? -2;
    const range = (isForeign, offset) => ({
      region: isForeign ? { number: 2 } : region,
      offset: isForeign ? 0 : offset,
      bytes: length,
    });
    return run({
      operation: 'copy',
      source: range(foreignSource !== undefined, from),
      destination: range(foreignDestination !== undefined, to),
    });
  },
  factorial: ({ operand }) => run({ operation: 'factorial', operand }),
  /** Sends a copy, and answers without waiting for it. */
  begin: ({ length }) =>
    queue.send({
      operation: 'copy',
      source: { region, offset: 0, bytes: length },
      destination: { region, offset: length, bytes: length },
    }),
};

function linkOf(name) {
  try {
    return [readlinkSync(`/proc/self/fd/${name}`)];
  } catch {
    return [];
  }
}

function run(request) {
  const done = [];
  if (!queue.send(request)) throw new Error('the queue is full');
  for (let count = 0; count === 0; ) count = queue.recvSync(done, 60_000);
  const { code, produced, result, ran } = done[0];
  return { code, produced, result, ran };
}

process.on('message', ({ command, ...options }) => {
  try {
    process.send({ answer: commands[command](options) });
  } catch (error) {
    process.send({ error: error.message });
  }
});
process.on('disconnect', () => process.exit(0));
process.send({ answer: 'ready' });
