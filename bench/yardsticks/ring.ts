// An unchecked ring between two Node processes: one producer, one consumer, plain slots of 64 bytes as ours are,
// depth 256. The producer writes all 16 words of a slot, the consumer reads all 16; each publishes its index once
// per batch. No validation, no completions, no sleeping: what shared memory can carry.
//
// A batch is a quarter of the ring at most. With whole rings the two sides would take turns instead of working at
// the same time, which was measured to halve the rate.
//
//       head (consumer) --v         v-- tail (producer)
//     | free | free | full | full | full | free | ...

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Fd } from '../../src/sys/fd.ts';
import { createSealedMemory, mapShared } from '../../src/sys/memory.ts';
import { serveTurns } from '../turns.ts';
import { bindPartner, isPartner, PARTNER_FD, startPartner } from './partner.ts';

const DEPTH = 256;
const BATCH_MAX = DEPTH / 4;
const SLOT_WORDS = 16;
// Indices lie a cache line pair apart: x86 fetches lines in pairs.
const TAIL = 0;
const HEAD = 32;
const ENDED = 64;
const CHECKSUM = 96;
const SLOTS = 128;
const MEMORY_BYTES = (SLOTS + DEPTH * SLOT_WORDS) * 4;
/** Batches between two looks at the clock. */
const BATCHES_PER_LOOK = 64;

if (isPartner()) await consumeTurns();
else await produceTurns();

async function produceTurns(): Promise<void> {
  const memory = createSealedMemory('ring', MEMORY_BYTES);
  const words = mapShared(memory, MEMORY_BYTES).words();
  const consumer = startPartner(memory);
  await serveTurns(async (millis) => {
    words.fill(0, 0, SLOTS);
    const isAwake = once(consumer.stdout, 'data');
    consumer.stdin.write('\n');
    await isAwake;
    return { rate: produce(words, millis) };
  });
  consumer.stdin.end();
}

/** Entries per second. */
function produce(words: Int32Array, millis: number): number {
  const before = performance.now();
  let tail = 0;
  let batches = 0;
  for (;;) {
    const end = Math.min(Atomics.load(words, HEAD) + DEPTH, tail + BATCH_MAX);
    if (tail === end) continue;
    for (; tail < end; tail++) {
      const slot = SLOTS + (tail % DEPTH) * SLOT_WORDS;
      for (let word = 0; word < SLOT_WORDS; word++) words[slot + word] = tail + word;
    }
    Atomics.store(words, TAIL, tail);
    if (++batches % BATCHES_PER_LOOK === 0 && performance.now() - before >= millis) break;
  }
  Atomics.store(words, ENDED, 1);
  while (Atomics.load(words, HEAD) !== tail);
  return (tail / (performance.now() - before)) * 1e3;
}

async function consumeTurns(): Promise<void> {
  bindPartner();
  const words = mapShared(new Fd(PARTNER_FD, 'ring'), MEMORY_BYTES).words();
  for await (const _ of createInterface({ input: process.stdin })) {
    process.stdout.write('awake\n');
    consume(words);
  }
}

function consume(words: Int32Array): void {
  let checksum = 0;
  let head = 0;
  for (;;) {
    // Looked at before the tail, so that entries which were written before the end are seen.
    const hasEnded = Atomics.load(words, ENDED) === 1;
    const end = Math.min(Atomics.load(words, TAIL), head + BATCH_MAX);
    if (head === end && hasEnded) break;
    if (head === end) continue;
    for (; head < end; head++) {
      const slot = SLOTS + (head % DEPTH) * SLOT_WORDS;
      for (let word = 0; word < SLOT_WORDS; word++) checksum = (checksum + (words[slot + word] ?? 0)) | 0;
    }
    Atomics.store(words, HEAD, head);
  }
  // Stored so that the compiler can't drop the reads.
  words[CHECKSUM] = checksum;
}
