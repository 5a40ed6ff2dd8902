// A soft worker through the whole daemon: when it tells the engine of what is done.

import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { open, start, stopAfterEach } from '../../fixtures/each-daemon.ts';

const MIB = 2 ** 20;

stopAfterEach();

it('tells of short requests before it begins with a long one', async () => {
  const started = await start('[devices.soft0]\ndriver = "soft"\nqueues = 1\n');
  const connection = await open(started);
  const region = await connection.share(20 * MIB);
  for (let at = 0; at < 8 * MIB; at += 4) region.buffer.writeUInt32LE((at * 2654435761) % 2 ** 32, at);
  const digests = await connection.requestQueue({ algorithm: 'sha-256' });
  const compression = await connection.requestQueue({ algorithm: 'gzip' });
  const session = await compression.openSession({ level: 9 });
  const short = Array.from({ length: 20 }, () =>
    digests.submit({
      operation: 'sha-256',
      source: { region, offset: 0, bytes: 4096 },
      destination: { region, offset: 8 * MIB, bytes: 32 },
    }),
  );
  let isLongDone = false;
  const long = compression.submit({
    operation: 'gzip-compress',
    session,
    source: { region, offset: 0, bytes: 8 * MIB },
    destination: { region, offset: 9 * MIB, bytes: 10 * MIB },
  });
  void long.then(() => (isLongDone = true));
  await Promise.all(short);
  // What came along with them would be told by now.
  await turn();
  expect(isLongDone).toBe(false);
  await long;
});
