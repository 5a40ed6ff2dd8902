// Clients that write what they shouldn't. Each loses at most its own channel, with a reason that it can read, and a
// well-behaved client beside it notices nothing.

import { randomBytes, randomInt } from 'node:crypto';
import { writeSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../src/client/connect.ts';
import type { Connection } from '../../src/client/connection.ts';
import {
  C_STATUS,
  COMPLETION_WORDS,
  R_FLAGS,
  R_OPERATION,
  R_QUEUE,
  R_RESERVED,
  REQUEST_WORDS,
  W_CLOSED,
  W_COMPLETION_TAIL,
} from '../../src/shared/channel/layout.ts';
import { errorNumber } from '../../src/shared/errors.ts';
import { eventually, startDaemon, type TestDaemon } from '../fixtures/daemon.ts';
import { RawClient } from '../fixtures/raw-client.ts';

let daemon: TestDaemon;
let neighbour: Connection;

beforeAll(async () => {
  daemon = await startDaemon();
  neighbour = await connect({ runtimeDir: daemon.runtimeDir });
});
afterAll(async () => {
  await neighbour.close();
  expect(await daemon.stop()).toBe(0);
});

/** Compresses through the daemon and compares: the daemon serves others as before. */
async function neighbourWorks(): Promise<void> {
  const region = await neighbour.share(1 << 17);
  const queue = await neighbour.requestQueue({ algorithm: 'gzip' });
  const session = await queue.openSession({ level: 1 });
  const text = Buffer.from('what others do is no concern of mine. '.repeat(500));
  text.copy(region.buffer);
  const { produced } = await queue.submit({
    operation: 'gzip-compress',
    session,
    source: { region, offset: 0, bytes: text.length },
    destination: { region, offset: 1 << 16, bytes: 1 << 16 },
  });
  expect(gunzipSync(region.buffer.subarray(1 << 16, (1 << 16) + produced)).equals(text)).toBe(true);
  await queue.release();
  await region.release();
}

async function withClient(work: (client: RawClient) => Promise<void>): Promise<void> {
  const client = await RawClient.open(daemon.runtimeDir);
  try {
    await work(client);
  } finally {
    client.close();
  }
  await neighbourWorks();
}

describe('a client that writes garbage', () => {
  it.each([17, 1 << 20, -1, 0x7fff_ffff, -0x8000_0000])(
    'into its tail (%i) loses its channel',
    async (tail) => {
      await withClient(async (client) => {
        client.showTail(tail);
        writeSync(client.doorbell.number, Buffer.of(1));
        expect(await client.ended()).toBe('CORRUPT_RING');
      });
    },
  );

  it.each([16, -1, 0x7fff_ffff])('into its ring (slot %i) loses its channel', async (slot) => {
    await withClient(async (client) => {
      client.words[client.geometry.submissionRingOffset / 4] = slot;
      client.showTail(1);
      writeSync(client.doorbell.number, Buffer.of(1));
      expect(await client.ended()).toBe('CORRUPT_RING');
    });
  });

  it('onto its doorbell loses its channel', async () => {
    await withClient(async (client) => {
      writeSync(client.doorbell.number, Buffer.of(1, 1, 7));
      expect(await client.ended()).toBe('DOORBELL_GARBAGE');
    });
  });

  it('by ringing far more often than asked loses its channel', async () => {
    await withClient(async (client) => {
      writeSync(client.doorbell.number, Buffer.alloc(4_000, 1));
      expect(await client.ended()).toBe('DOORBELL_GARBAGE');
    });
  });

  it('into entries gets a code for each, and loses its channel when nothing else comes', async () => {
    await withClient(async (client) => {
      const { slots, requestTableOffset, submissionRingOffset, completionRingOffset } = client.geometry;
      const statuses = new Set<number>();
      let tail = 0;
      while (Atomics.load(client.words, W_CLOSED) === 0) {
        for (let slot = 0; slot < slots; slot++) {
          const at = requestTableOffset / 4 + slot * REQUEST_WORDS;
          const garbage = randomBytes(REQUEST_WORDS * 4);
          for (let word = 0; word < REQUEST_WORDS; word++)
            client.words[at + word] = garbage.readInt32LE(word * 4);
          // Some of it nearly right, so that every check has its turn.
          if (randomInt(2) === 0) client.words[at + R_OPERATION] = randomInt(64);
          if (randomInt(2) === 0) client.words[at + R_QUEUE] = randomInt(4);
          if (randomInt(2) === 0) client.words[at + R_FLAGS] = client.words[at + R_RESERVED] = 0;
          client.words[submissionRingOffset / 4 + ((tail + slot) & (slots - 1))] = slot;
        }
        tail += slots;
        client.showTail(tail);
        writeSync(client.doorbell.number, Buffer.of(1));
        const isAnswered = (): boolean =>
          Atomics.load(client.words, W_COMPLETION_TAIL) === tail ||
          Atomics.load(client.words, W_CLOSED) !== 0;
        await eventually('an answer', isAnswered);
        for (let slot = 0; slot < slots; slot++) {
          statuses.add(client.words[completionRingOffset / 4 + slot * COMPLETION_WORDS + C_STATUS] as number);
        }
        client.words[0x200 / 4] = tail;
      }
      expect(await client.ended()).toBe('MALFORMED_ENTRIES');
      expect(statuses).toContain(errorNumber('UNKNOWN_OPERATION'));
      expect(statuses).toContain(errorNumber('UNKNOWN_QUEUE'));
    });
  });

  it('by submitting slots again that it has not reaped loses its channel', async () => {
    await withClient(async (client) => {
      const { slots, submissionRingOffset } = client.geometry;
      for (let slot = 0; slot < slots; slot++) client.words[submissionRingOffset / 4 + slot] = slot;
      client.showTail(slots);
      writeSync(client.doorbell.number, Buffer.of(1));
      await eventually('completions', () => Atomics.load(client.words, W_COMPLETION_TAIL) === slots);
      client.showTail(slots + 1);
      writeSync(client.doorbell.number, Buffer.of(1));
      expect(await client.ended()).toBe('CORRUPT_RING');
    });
  });

  it('into every byte of its header loses at most its channel', async () => {
    for (let round = 0; round < 20; round++) {
      await withClient(async (client) => {
        const garbage = randomBytes(4096);
        for (let word = 0; word < 1024; word++) client.words[word] = garbage.readInt32LE(word * 4);
        try {
          writeSync(client.doorbell.number, Buffer.of(1));
        } catch {
          // Already hung up: the engine was awake and saw it.
        }
        expect(await client.ended()).toBe('CORRUPT_RING');
      });
    }
  });
});
