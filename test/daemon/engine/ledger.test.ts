// The ledger by itself: what is written down is found again, and what was damaged is left out with a reason.

import { afterEach, describe, expect, it } from 'vitest';
import {
  F_MAGIC,
  F_VERSION,
  L_COMPLETION_TAIL,
  LEDGER_BYTES,
  PAGE_WORDS,
  recordGeometry,
} from '../../../src/daemon/engine/ledger-layout.ts';
import type { LedgerRecord } from '../../../src/daemon/engine/ledger-record.ts';
import { Ledger } from '../../../src/daemon/engine/ledger.ts';
import { mapShared } from '../../../src/sys/memory.ts';

const opened: Ledger[] = [];
afterEach(() => {
  for (const ledger of opened.splice(0)) ledger.close();
});

function create(): Ledger {
  const ledger = Ledger.create();
  opened.push(ledger);
  return ledger;
}

/** The same memory as another engine opens it; a reason if it refuses. */
function openAgain(ledger: Ledger): Ledger | string {
  const again = Ledger.open(ledger.memory.dup());
  if (typeof again !== 'string') opened.push(again);
  return again;
}

function reopened(ledger: Ledger): Ledger {
  const again = openAgain(ledger);
  if (typeof again === 'string') throw new Error(again);
  return again;
}

/** The words of the ledger, for a test to write over. */
function withWords(ledger: Ledger, change: (words: Int32Array) => void): void {
  const mapping = mapShared(ledger.memory, LEDGER_BYTES);
  change(mapping.words());
  mapping.unmap();
}

function addTo(ledger: Ledger, slots = 64, setup: unknown = { channel: 1 }): LedgerRecord {
  const record = ledger.add(setup, { slots, memory: ledger.takeHandle(), doorbell: ledger.takeHandle() });
  ledger.commit(record);
  return record;
}

describe('the ledger', () => {
  it('is found again by another engine: setup, queues, regions, sessions, journal and rows', () => {
    const ledger = create();
    const record = addTo(ledger, 64, { channel: 7, tenant: 'a' });
    const queue = { number: 256, device: 'soft0', algorithm: 'gzip', depth: 64 } as const;
    const region = { number: 1, handle: 9, bytes: 2 ** 30 };
    const key = { algorithm: 'aes-256-gcm', kind: 'key', key: Buffer.alloc(32, 5) } as const;
    const level = { algorithm: 'gzip', kind: 'level', level: 0 } as const;
    record.setQueue(queue);
    record.setRegion(region);
    record.setSession({ number: 2, handle: 10, parameters: key });
    record.setSession({ number: 256, handle: 11, parameters: level });
    record.journal[63] = 2;
    record.rows[63 * 32 + 31] = 42;
    record.head[L_COMPLETION_TAIL] = -5;
    const { records, refused } = reopened(ledger).restore();
    expect(refused).toEqual([]);
    expect(records).toHaveLength(1);
    const found = records[0] as LedgerRecord;
    expect(found.setup).toEqual({ channel: 7, tenant: 'a' });
    expect(found.queues()).toEqual([queue]);
    expect(found.regions()).toEqual([region]);
    expect(found.sessions()).toEqual([
      { number: 2, handle: 10, parameters: key },
      { number: 256, handle: 11, parameters: level },
    ]);
    expect([found.journal[63], found.rows[63 * 32 + 31], found.head[L_COMPLETION_TAIL]]).toEqual([2, 42, -5]);
    expect([found.memory, found.doorbell]).toEqual([record.memory, record.doorbell]);
  });

  it('forgets what was removed, empties its pages, and uses them for the next channel of as many slots', () => {
    const ledger = create();
    const first = addTo(ledger);
    const other = addTo(ledger, 4);
    first.setSession({
      number: 1,
      handle: 3,
      parameters: { algorithm: 'aes-256-cbc', kind: 'key', key: Buffer.alloc(32, 1) },
    });
    ledger.remove(first);
    const again = reopened(ledger);
    expect(again.restore().records.map(({ entry }) => entry)).toEqual([other.entry]);
    const next = addTo(again);
    expect(next.firstWord).toBe(first.firstWord);
    expect(next.sessions()).toEqual([]);
    withWords(ledger, (words) => {
      const { sessions, pages } = recordGeometry(64);
      const kept = words.subarray(next.firstWord + sessions, next.firstWord + pages * PAGE_WORDS);
      expect(kept.every((word) => word === 0)).toBe(true);
    });
  });

  it('never gives a handle twice, across engines', () => {
    const ledger = create();
    const handles = [ledger.takeHandle(), ledger.takeHandle()];
    handles.push(reopened(ledger).takeHandle());
    expect(new Set(handles).size).toBe(3);
  });

  it('of another version, or of no ledger at all, is refused by name', () => {
    const ledger = create();
    withWords(ledger, (words) => {
      words[F_VERSION] = 99;
    });
    expect(openAgain(ledger)).toContain('version 99');
    withWords(ledger, (words) => {
      words[F_MAGIC] = 0;
    });
    expect(openAgain(ledger)).toContain('does not begin like a ledger');
  });

  it('leaves out a record whose head was damaged, and keeps the others', () => {
    const ledger = create();
    const [first, second, third] = [addTo(ledger), addTo(ledger), addTo(ledger)];
    // Each word that the checksum covers, and the checksum itself.
    for (let word = 0; word < 8; word++) {
      withWords(ledger, (words) => {
        (words[second.firstWord + word] as number) ^= 1 << (word * 3);
      });
      const { records, refused } = reopened(ledger).restore();
      expect(records.map(({ entry }) => entry)).toEqual([first.entry, third.entry]);
      expect(refused).toHaveLength(1);
      withWords(ledger, (words) => {
        (words[second.firstWord + word] as number) ^= 1 << (word * 3);
      });
    }
    expect(reopened(ledger).restore().records).toHaveLength(3);
  });

  it('leaves out both of two records that claim the same pages, and entries that point nowhere', () => {
    const ledger = create();
    const [first, second, third] = [addTo(ledger), addTo(ledger), addTo(ledger)];
    const entryWord = (entry: number): number => PAGE_WORDS + entry * 2;
    withWords(ledger, (words) => {
      words[entryWord(second.entry)] = words[entryWord(first.entry)] as number;
      words[entryWord(third.entry)] = -1;
    });
    const again = reopened(ledger);
    const { records, refused } = again.restore();
    expect(records).toEqual([]);
    expect(refused).toHaveLength(3);
    // What is added from now on is in nobody's way.
    const added = addTo(again);
    expect(added.firstWord).toBeGreaterThan(third.firstWord);
  });

  it('does not know a session that was torn: its key may be half another', () => {
    const ledger = create();
    const record = addTo(ledger);
    const parameters = { algorithm: 'aes-256-gcm', kind: 'key', key: Buffer.alloc(32, 9) } as const;
    record.setSession({ number: 1, handle: 5, parameters });
    withWords(ledger, (words) => {
      words[record.firstWord + recordGeometry(64).sessions + 5] = 0;
    });
    expect(reopened(ledger).restore().records[0]?.sessions()).toEqual([]);
  });
});
