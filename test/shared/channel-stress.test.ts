// A channel between two processes, both of which sleep and wake at random: nothing is lost, doubled, torn or left
// waiting. A lost wake-up would stop it for good.

import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ClientEnd } from '../../src/shared/channel/client-end.ts';
import {
  C_COOKIE_LOW,
  C_RESULT,
  C_SLOT,
  channelGeometry,
  formatChannel,
  R_COOKIE_LOW,
  R_SOURCE_REGION,
  W_COMPLETION_HEAD,
  W_COMPLETION_TAIL,
  W_SUBMISSION_HEAD,
  W_SUBMISSION_TAIL,
} from '../../src/shared/channel/layout.ts';
import { closeAll } from '../../src/sys/fd.ts';
import { createSealedMemory, mapShared } from '../../src/sys/memory.ts';
import { createSocketPair, receiveWithFds, waitReadable } from '../../src/sys/socket.ts';

const dist = fileURLToPath(new URL('../../dist/src', import.meta.url));
const SLOTS = 64;
const REQUESTS = 200_000;
/** The words of a request that carry its payload. */
const PAYLOAD_WORDS = 9;

/** Serves the channel on descriptors 3 and 4, from the index of its argument on: the result is the sum of the payload. */
const service = `
  import { writeSync } from 'node:fs';
  const { ServiceEnd } = await import('${dist}/shared/channel/service-end.js');
  const layout = await import('${dist}/shared/channel/layout.js');
  const { Fd } = await import('${dist}/sys/fd.js');
  const { mapShared } = await import('${dist}/sys/memory.js');
  const { waitReadable, receiveWithFds } = await import('${dist}/sys/socket.js');
  const geometry = layout.channelGeometry(${SLOTS});
  const words = mapShared(new Fd(3, 'channel'), geometry.totalBytes).words();
  const start = Number(process.argv[1]) | 0;
  const end = new ServiceEnd(words, geometry, { submissionHead: start, completionTail: start });
  const held = [];
  for (let served = 0; served < ${REQUESTS}; ) {
    const available = end.available();
    if (available < 0) process.exit(2);
    end.announceTaking(available);
    for (let count = 0; count < available; count++) held.push(end.takeSlot());
    // In any order, and some of them only in the next round.
    while (held.length > 0 && Math.random() < 0.97) {
      const [slot] = held.splice(Math.floor(Math.random() * held.length), 1);
      const at = end.slotWord(slot);
      let sum = 0;
      for (let word = 0; word < ${PAYLOAD_WORDS}; word++) sum = (sum + words[at + layout.R_SOURCE_REGION + word]) | 0;
      end.post(slot, 0, words[at + layout.R_COOKIE_LOW], 0, 0, sum, 0);
      served += 1;
    }
    if (end.publish()) writeSync(4, Buffer.of(1));
    if (held.length === 0 && Math.random() < 0.5 && served < ${REQUESTS} && end.prepareSleep()) {
      if (!waitReadable(4, 20000)) process.exit(3);
      if (receiveWithFds(4, 'ring') === 'end') process.exit(4);
    }
  }`;

describe('a channel between two processes', () => {
  it.each([0, 0xffff_ff00])(
    'that sleep and wake at random loses nothing (indices from %i)',
    async (start) => {
      const geometry = channelGeometry(SLOTS);
      const memory = createSealedMemory('stress', geometry.totalBytes);
      const mapping = mapShared(memory, geometry.totalBytes);
      const words = mapping.words();
      formatChannel(words, geometry);
      for (const index of [W_SUBMISSION_TAIL, W_SUBMISSION_HEAD, W_COMPLETION_TAIL, W_COMPLETION_HEAD])
        words[index] = start;
      const [ours, theirs] = createSocketPair('stream', 'stress');
      const child = spawn(process.execPath, ['--input-type=module', '-e', service, String(start)], {
        stdio: ['ignore', 'inherit', 'inherit', memory.number, theirs.number],
      });
      const exited = new Promise<number | null>((resolve) => {
        child.once('exit', resolve);
      });
      theirs.close();
      const client = new ClientEnd(words, geometry);
      const sums = new Int32Array(REQUESTS);
      const seen = new Uint8Array(REQUESTS);
      let sent = 0;
      for (let received = 0; received < REQUESTS; ) {
        for (let burst = Math.ceil(Math.random() * SLOTS); burst > 0 && sent < REQUESTS; burst--) {
          const slot = client.takeSlot();
          if (slot === -1) break;
          const at = client.slotWord(slot);
          words[at + R_COOKIE_LOW] = sent;
          for (let word = 0; word < PAYLOAD_WORDS; word++) {
            const value = (sent * 31 + word * 7) | 0;
            words[at + R_SOURCE_REGION + word] = value;
            sums[sent] = ((sums[sent] as number) + value) | 0;
          }
          client.push(slot);
          sent += 1;
        }
        if (client.publish()) writeSync(ours.number, Buffer.of(1));
        for (let word = client.peek(); word !== -1; word = client.peek()) {
          const cookie = words[word + C_COOKIE_LOW] as number;
          if (seen[cookie] !== 0 || words[word + C_RESULT] !== sums[cookie]) {
            throw new Error(`request ${cookie} in slot ${words[word + C_SLOT]} came twice or torn`);
          }
          seen[cookie] = 1;
          client.reap(words[word + C_SLOT] as number);
          received += 1;
        }
        client.publishReaped();
        if (received < sent && Math.random() < 0.5 && client.prepareSleep()) {
          if (!waitReadable(ours.number, 20_000)) throw new Error(`no wake-up after ${received} of ${sent}`);
          receiveWithFds(ours.number, 'ring');
        }
      }
      expect(await exited).toBe(0);
      expect(seen.every((count) => count === 1)).toBe(true);
      mapping.unmap();
      closeAll([memory, ours]);
    },
    120_000,
  );
});
