// Two Node processes pass 64 bytes to and fro through a Unix socket, with a pause before each round trip in which
// both fall asleep.

import { Socket } from 'node:net';
import { createSocketPair } from '../../src/sys/socket.ts';
import { fallAsleep } from '../pause.ts';
import { latencyOf } from '../statistics.ts';
import { serveTurns } from '../turns.ts';
import { bindPartner, isPartner, PARTNER_FD, startPartner } from './partner.ts';

const MESSAGE_BYTES = 64;

if (isPartner()) echo();
else await measureTurns();

async function measureTurns(): Promise<void> {
  const [ours, theirs] = createSocketPair('stream', 'ping-pong');
  const partner = startPartner(theirs);
  const socket = new Socket({ fd: ours.take() });
  const message = Buffer.alloc(MESSAGE_BYTES, 1);
  let answered = (): void => {};
  let missingBytes = 0;
  socket.on('data', (bytes) => {
    missingBytes -= bytes.length;
    if (missingBytes === 0) answered();
  });
  await serveTurns(async (roundTrips) => {
    const samples = new Float64Array(roundTrips);
    for (let index = 0; index < roundTrips; index++) {
      await fallAsleep();
      missingBytes = MESSAGE_BYTES;
      const before = performance.now();
      // Read in the callback: a promise would add its own turn of the microtask queue.
      await new Promise<void>((resolve) => {
        answered = () => {
          samples[index] = performance.now() - before;
          resolve();
        };
        socket.write(message);
      });
    }
    return { ...latencyOf(samples) };
  });
  socket.destroy();
  partner.stdin.end();
}

function echo(): void {
  bindPartner();
  const socket = new Socket({ fd: PARTNER_FD });
  socket.on('data', (bytes) => socket.write(bytes));
}
