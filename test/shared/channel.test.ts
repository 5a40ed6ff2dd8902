import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClientEnd } from '../../src/shared/channel/client-end.ts';
import {
  C_COOKIE_LOW,
  C_RESULT,
  C_SLOT,
  channelGeometry,
  completionLayout,
  formatChannel,
  headerLayout,
  R_COOKIE_LOW,
  readGeometry,
  requestLayout,
  W_COMPLETION_HEAD,
  W_COMPLETION_TAIL,
  W_SLOTS,
  W_SUBMISSION_HEAD,
  W_SUBMISSION_TAIL,
} from '../../src/shared/channel/layout.ts';
import { CORRUPT, ServiceEnd } from '../../src/shared/channel/service-end.ts';

/** Both ends on one memory, with all indices at `start`, as if so many requests had gone before. */
function createPair(slots: number, start = 0) {
  const geometry = channelGeometry(slots);
  const words = new Int32Array(geometry.totalBytes / 4);
  formatChannel(words, geometry);
  for (const index of [W_SUBMISSION_TAIL, W_SUBMISSION_HEAD, W_COMPLETION_TAIL, W_COMPLETION_HEAD]) {
    words[index] = start | 0;
  }
  const indices = { submissionHead: start, completionTail: start };
  return { words, client: new ClientEnd(words, geometry), service: new ServiceEnd(words, geometry, indices) };
}

/** What a test drives a channel with. */
const step = fc.constantFrom('submit', 'publish', 'take', 'complete', 'show', 'reap');

describe('a channel', () => {
  it('delivers each request and each completion once and in order, whatever the interleaving and across 2^32', () => {
    const starts = fc.constantFrom(0, 0x7fff_fff0, 0x7fff_ffff, 0xffff_fff0, 0xffff_ffff);
    fc.assert(
      fc.property(
        starts,
        fc.constantFrom(4, 8, 16),
        fc.array(step, { maxLength: 400 }),
        (start, slots, steps) => {
          const { words, client, service } = createPair(slots, start);
          let submitted = 0;
          let taken = 0;
          let reaped = 0;
          const inFlight: number[] = [];
          for (const what of steps) {
            if (what === 'submit') {
              const slot = client.takeSlot();
              expect(slot === -1).toBe(submitted - reaped === slots);
              if (slot === -1) continue;
              words[client.slotWord(slot) + R_COOKIE_LOW] = submitted++;
              client.push(slot);
            } else if (what === 'publish') {
              client.publish();
            } else if (what === 'take') {
              const available = service.available();
              expect(available).not.toBe(CORRUPT);
              if (available === 0 || !service.hasCompletionRoom(inFlight.length, 1)) continue;
              const slot = service.takeSlot();
              expect(words[service.slotWord(slot) + R_COOKIE_LOW]).toBe(taken++);
              inFlight.push(slot);
            } else if (what === 'complete') {
              // The newest first: completions come in any order.
              const slot = inFlight.pop();
              if (slot === undefined) continue;
              const cookie = words[service.slotWord(slot) + R_COOKIE_LOW] as number;
              service.post(slot, 0, cookie, 0, 0, cookie + 1, 0);
            } else if (what === 'show') {
              service.publish();
            } else {
              const word = client.peek();
              if (word === -1) continue;
              const slot = words[word + C_SLOT] as number;
              expect(words[word + C_COOKIE_LOW]).toBe(words[client.slotWord(slot) + R_COOKIE_LOW]);
              expect(words[word + C_RESULT]).toBe((words[word + C_COOKIE_LOW] as number) + 1);
              expect(client.reap(slot)).toBe(true);
              client.publishReaped();
              reaped += 1;
            }
          }
          expect(reaped).toBeLessThanOrEqual(taken);
          expect(taken).toBeLessThanOrEqual(submitted);
          expect(client.freeSlots).toBe(slots - (submitted - reaped));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('asks to be rung once for each time that a side goes to sleep', () => {
    const { client, service } = createPair(4);
    expect(service.prepareSleep()).toBe(true);
    client.push(client.takeSlot());
    expect(client.publish()).toBe(true);
    client.push(client.takeSlot());
    expect(client.publish()).toBe(false);
    expect(service.prepareSleep()).toBe(false);
    expect(client.prepareSleep()).toBe(true);
    service.post(service.takeSlot(), 0, 0, 0, 0, 0, 0);
    expect(service.publish()).toBe(true);
    expect(service.publish()).toBe(false);
    expect(client.prepareSleep()).toBe(false);
  });

  it('calls every impossible tail corrupt and takes nothing', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (start, tail) => {
        const { words, service } = createPair(8, start);
        words[W_SUBMISSION_TAIL] = tail;
        const distance = (tail - start) | 0;
        const isPossible = distance >= 0 && distance <= 8;
        expect(service.available()).toBe(isPossible ? distance : CORRUPT);
      }),
    );
  });

  it('calls every slot number that does not exist corrupt', () => {
    fc.assert(
      fc.property(fc.integer(), (slot) => {
        const { words, client, service } = createPair(8);
        words[channelGeometry(8).submissionRingOffset / 4] = slot;
        words[W_SUBMISSION_TAIL] = 1;
        expect(service.takeSlot()).toBe(slot >= 0 && slot < 8 ? slot : CORRUPT);
        expect(client.freeSlots).toBe(8);
      }),
    );
  });

  it('finds no room for a client that reuses slots without reaping, or moves its head to where it cannot be', () => {
    const { words, service } = createPair(4);
    expect(service.hasCompletionRoom(0, 4)).toBe(true);
    for (let slot = 0; slot < 4; slot++) service.post(slot, 0, 0, 0, 0, 0, 0);
    expect(service.hasCompletionRoom(0, 1)).toBe(false);
    words[W_COMPLETION_HEAD] = 5;
    expect(service.hasCompletionRoom(0, 1)).toBe(false);
    words[W_COMPLETION_HEAD] = -1;
    expect(service.hasCompletionRoom(0, 1)).toBe(false);
    words[W_COMPLETION_HEAD] = 2;
    expect(service.hasCompletionRoom(0, 2)).toBe(true);
    expect(service.hasCompletionRoom(0, 3)).toBe(false);
  });

  it('knows which submissions a peer that died had not taken', () => {
    const { client, service } = createPair(8, 0xffff_fffe);
    const slots = [client.takeSlot(), client.takeSlot(), client.takeSlot()];
    for (const slot of slots) client.push(slot);
    client.publish();
    service.takeSlot();
    expect(client.slotsAfter(0xffff_ffff | 0)).toEqual(new Set(slots.slice(1)));
    expect(client.slotsAfter(1)).toEqual(new Set());
    expect(client.slotsAfter(1234)).toEqual(new Set());
  });
});

describe('the layout of a channel', () => {
  it('reads back what was formatted, and names what is wrong otherwise', () => {
    const geometry = channelGeometry(64);
    const words = new Int32Array(geometry.totalBytes / 4);
    formatChannel(words, geometry);
    expect(readGeometry(words)).toEqual(geometry);
    words[W_SLOTS] = 63;
    expect(readGeometry(words)).toContain('63 slots');
    words[W_SLOTS] = 128;
    expect(readGeometry(words)).toContain('do not fit');
    words[0] = 0;
    expect(readGeometry(words)).toContain('magic');
  });

  it('has pinned sizes, and its parts begin on cache lines of their own', () => {
    expect([headerLayout.bytes, requestLayout.bytes, completionLayout.bytes]).toEqual([4096, 64, 32]);
    for (let slots = 4; slots <= 4096; slots *= 2) {
      const geometry = channelGeometry(slots);
      expect(geometry.totalBytes % 4096).toBe(0);
      expect(geometry.completionRingOffset % 128).toBe(0);
      expect(geometry.totalBytes).toBeGreaterThanOrEqual(geometry.completionRingOffset + slots * 32);
    }
    const indices = ['submissionTail', 'submissionHead', 'completionTail', 'completionHead'] as const;
    expect(indices.map((name) => headerLayout.fields[name].offset % 128)).toEqual([0, 0, 0, 0]);
  });
});
