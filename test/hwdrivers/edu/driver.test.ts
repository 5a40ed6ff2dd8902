// The edu driver against a device that this test plays, on memory as a queue has it: one page of doorbells, then the
// entries. What the real one does is tested in a guest.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectQueue } from '../../../src/client/direct-queue.ts';
import type { Completion, Range } from '../../../src/client/request.ts';
import {
  completionEntryLayout,
  CQ_OFFSET,
  ENTRIES,
  MEMORY_BYTES,
  OPCODE,
  STATUS,
  submissionLayout,
} from '../../../src/hwdrivers/edu/driver.ts';
import { DOORBELL_CQ_HEAD_OFFSET } from '../../../src/hwdrivers/spimdev/abi.ts';
import { ADDRESS_NONE, ADDRESS_PENDING } from '../../../src/hwdrivers/spimdev/transport.ts';
import { wordOf } from '../../../src/shared/layout.ts';
import type { Fd } from '../../../src/sys/fd.ts';
import { createSealedMemory, mapShared, type Mapping, PAGE_BYTES } from '../../../src/sys/memory.ts';

const SQE_WORDS = submissionLayout.bytes / 4;
const CQE_WORDS = completionEntryLayout.bytes / 4;
const ADDRESS = 0x1234_5678_9000;

let memory: Fd;
let mapping: Mapping;
let queue: DirectQueue;
let addresses: Record<number, number>;
/** The device's own count of entries that it has run. */
let ran: number;

beforeEach(() => {
  memory = createSealedMemory('queue', PAGE_BYTES + MEMORY_BYTES);
  mapping = mapShared(memory, PAGE_BYTES + MEMORY_BYTES);
  addresses = { 1: ADDRESS };
  ran = 0;
  queue = new DirectQueue({
    fd: memory.dup(),
    deviceApi: 'wd_edu_v1',
    addresses: { addressOf: (handle) => addresses[handle] ?? ADDRESS_NONE },
  });
});

afterEach(async () => {
  await queue.release();
  mapping.unmap();
  memory.close();
});

function range(region: number, offset: number, bytes: number): Range {
  return { region: { number: region } as Range['region'], offset, bytes };
}

/** Words of the entry that the device runs next; undefined if the doorbell has none. */
function nextEntry(): Int32Array | undefined {
  const words = mapping.words();
  if (words[0] === ran) return undefined;
  const at = PAGE_BYTES / 4 + (ran & (ENTRIES - 1)) * SQE_WORDS;
  return words.slice(at, at + SQE_WORDS);
}

/** Completes the next entry as the device does: the phase last. */
function complete(values: Partial<Record<'tag' | 'status' | 'produced' | 'result' | 'nanos', number>>): void {
  const words = mapping.words();
  const tag = nextEntry()?.[wordOf(submissionLayout, 'tag')] ?? -1;
  const at = (PAGE_BYTES + CQ_OFFSET) / 4 + (ran & (ENTRIES - 1)) * CQE_WORDS;
  for (const [name, value] of Object.entries({ tag, ...values })) {
    words[at + wordOf(completionEntryLayout, name as 'tag')] = value;
  }
  words[at + wordOf(completionEntryLayout, 'phase')] = (ran & ENTRIES) === 0 ? 1 : 0;
  ran += 1;
}

describe('the edu driver', () => {
  it('writes entries, and takes completions in order through many rounds of the rings', () => {
    const done: Completion[] = [];
    for (let sent = 0; sent < ENTRIES * 5; sent += 3) {
      for (const operand of [3, 4, 5])
        expect(queue.send({ operation: 'factorial', operand, cookie: sent + operand })).toBe(true);
      expect(queue.recv(done)).toBe(0);
      for (const operand of [3, 4, 5]) {
        const entry = nextEntry() ?? new Int32Array();
        expect(entry[wordOf(submissionLayout, 'opcode')]).toBe(OPCODE.factorial);
        expect(entry[wordOf(submissionLayout, 'operand')]).toBe(operand);
        complete({ result: operand * 100, nanos: 7 });
      }
      expect(queue.recv(done)).toBe(3);
      expect(done.slice(0, 3).map(({ code, cookie, result }) => [code, cookie, result])).toEqual([
        ['OK', sent + 3, 300],
        ['OK', sent + 4, 400],
        ['OK', sent + 5, 500],
      ]);
      expect(mapping.words()[DOORBELL_CQ_HEAD_OFFSET / 4]).toBe(sent + 3);
    }
  });

  it('is full at its depth, and not before', () => {
    for (let sent = 0; sent < queue.depth; sent++)
      expect(queue.send({ operation: 'factorial', operand: 1 })).toBe(true);
    expect(queue.send({ operation: 'factorial', operand: 1 })).toBe(false);
    complete({ result: 1 });
    expect(queue.recv([], 1)).toBe(1);
    expect(queue.send({ operation: 'factorial', operand: 1 })).toBe(true);
  });

  it('gives the device addresses of 48 bits, and every other word as 0', () => {
    mapping.buffer.fill(0xff, PAGE_BYTES, PAGE_BYTES + submissionLayout.bytes);
    queue.send({ operation: 'copy', source: range(1, 0x1000, 77), destination: range(1, 0x9000_0001, 80) });
    const entry = Buffer.from((nextEntry() ?? new Int32Array()).buffer);
    const { source, destination, bytes } = submissionLayout.fields;
    expect(entry.readBigUInt64LE(source.offset)).toBe(BigInt(ADDRESS + 0x1000));
    expect(entry.readBigUInt64LE(destination.offset)).toBe(BigInt(ADDRESS + 0x9000_0001));
    expect(entry.readUInt32LE(bytes.offset)).toBe(77);
    expect(entry.subarray(bytes.offset + 4).equals(Buffer.alloc(36))).toBe(true);
  });

  it('waits for an address that is on its way; without one the request has a code and never runs', () => {
    const request = { operation: 'copy', source: range(2, 0, 8), destination: range(1, 0, 8) } as const;
    addresses[2] = ADDRESS_PENDING;
    expect(queue.send(request)).toBe(false);
    addresses[2] = ADDRESS_NONE;
    expect(queue.send(request)).toBe(true);
    const done: Completion[] = [];
    expect(queue.recv(done)).toBe(1);
    expect(done[0]?.code).toBe('DMA_FAULT');
    expect(nextEntry()).toBeUndefined();
  });

  it.each([
    ['a status of the device', { status: STATUS.dmaFault }, 'DMA_FAULT'],
    ['an entry that it refuses', { status: STATUS.badEntry }, 'DEVICE_ERROR'],
    ['a status that nobody knows', { status: 99 }, 'DEVICE_ERROR'],
    ['an answer to another request', { tag: 5 }, 'DEVICE_ERROR'],
  ])('turns %s into a code', (_, values, code) => {
    queue.send({ operation: 'factorial', operand: 2 });
    complete(values);
    const done: Completion[] = [];
    expect(queue.recv(done)).toBe(1);
    expect(done[0]?.code).toBe(code);
  });

  it('refuses what the device can not do, without asking it', () => {
    const done: Completion[] = [];
    queue.send({ operation: 'copy', source: range(1, 0, 9), destination: range(1, 64, 8) });
    queue.send({ operation: 'copy', source: range(1, 0, 65_537), destination: range(1, 65_537, 65_537) });
    queue.send({ operation: 'crc32', source: range(1, 0, 9) });
    queue.send({ operation: 'factorial', operand: 34 });
    expect(queue.recv(done)).toBe(4);
    expect(done.slice(0, 4).map(({ code }) => code)).toEqual([
      'OUTPUT_TOO_SMALL',
      'TOO_LARGE',
      'BAD_LENGTH',
      'OK',
    ]);
    expect(nextEntry()).toBeUndefined();
  });
});
