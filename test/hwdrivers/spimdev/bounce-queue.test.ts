// Requests that are copied to where a device may reach, through a port and the driver of edu queues. The queue is plain
// memory, and this test is the device: it reads and writes only what the entries name.

import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  completionEntryLayout,
  CQ_OFFSET,
  eduDriver,
  ENTRIES,
  MEMORY_BYTES,
  STATUS,
  submissionLayout,
} from '../../../src/hwdrivers/edu/driver.ts';
import { ROW_WORDS, SEND_DONE, SEND_FULL, SEND_PENDING, SEND_TAKEN } from '../../../src/hwdrivers/driver.ts';
import type { Port } from '../../../src/hwdrivers/port.ts';
import { DeviceMemory } from '../../../src/hwdrivers/spimdev/device-memory.ts';
import type { SpimdevHost, TakenQueue } from '../../../src/hwdrivers/spimdev/host.ts';
import { openSpimdevPort } from '../../../src/hwdrivers/spimdev/port.ts';
import {
  C_PRODUCED,
  C_SLOT,
  C_STATUS,
  COMPLETION_WORDS,
  PARAMETER_WORDS,
  R_DESTINATION_REGION,
  R_OPERATION,
  R_SOURCE_REGION,
} from '../../../src/shared/channel/layout.ts';
import { errorCode } from '../../../src/shared/errors.ts';
import { operations } from '../../../src/shared/operations.ts';
import { type Fd, openFds } from '../../../src/sys/fd.ts';
import { createSealedMemory, mapBare, type Mapping, PAGE_BYTES } from '../../../src/sys/memory.ts';

const SLOTS = 4;
const BOUNCE_BYTES = SLOTS * 2 * eduDriver.requestBytesMax;
/** Physical: of no meaning to anybody but the device. */
const BOUNCE_ADDRESS = 3 * 2 ** 40;
const QUEUE_BYTES = PAGE_BYTES + MEMORY_BYTES;
const REGION_BYTES = 4096;
const REGION = 7;

const { fields } = submissionLayout;
const entryFields = completionEntryLayout.fields;

/** Plays the host and the device. */
class Hardware implements SpimdevHost {
  readonly #queue: Fd = createSealedMemory('queue', QUEUE_BYTES);
  readonly #bounce: Fd = createSealedMemory('bounce', BOUNCE_BYTES);
  readonly #entries: Mapping = mapBare(this.#queue, QUEUE_BYTES);
  readonly memory: Mapping = mapBare(this.#bounce, BOUNCE_BYTES);
  /** Answers to mapMemory. */
  readonly mappings: (() => void)[] = [];
  #done = 0;

  check(): Promise<void> {
    return Promise.resolve();
  }

  takeQueue(): Promise<TakenQueue> {
    return Promise.resolve({
      id: 1,
      fd: this.#queue.dup(),
      deviceApi: 'wd_edu_v1',
      isStoppable: true,
      bounce: { memory: this.#bounce.dup(), bytes: BOUNCE_BYTES, address: BOUNCE_ADDRESS },
    });
  }

  returnQueue(): Promise<void> {
    return Promise.resolve();
  }

  mapMemory(): Promise<undefined> {
    return new Promise((resolve) => {
      this.mappings.push(() => resolve(undefined));
    });
  }

  unmapMemory(): never {
    throw new Error('nothing was mapped');
  }

  onRenewed(): void {}

  /** Runs the next entry: writes `output` where it says, and says that so much was produced. */
  run(output: string, { produced = output.length, status = 0 } = {}): string {
    const entries = this.#entries.buffer.subarray(PAGE_BYTES);
    const at = (this.#done % ENTRIES) * submissionLayout.bytes;
    const begin = (field: { offset: number }): number => {
      const address = Number(entries.readBigUInt64LE(at + field.offset)) - BOUNCE_ADDRESS;
      expect(address).toBeGreaterThanOrEqual(0);
      expect(address % eduDriver.requestBytesMax).toBe(0);
      expect(address).toBeLessThan(BOUNCE_BYTES);
      return address;
    };
    const source = begin(fields.source);
    const input = this.memory.buffer.toString(
      'latin1',
      source,
      source + entries.readUInt32LE(at + fields.bytes.offset),
    );
    this.memory.buffer.write(output, begin(fields.destination), 'latin1');
    const completion = CQ_OFFSET + (this.#done % ENTRIES) * completionEntryLayout.bytes;
    const set = (field: { offset: number }, value: number): unknown =>
      entries.writeUInt32LE(value, completion + field.offset);
    set(entryFields.tag, entries.readUInt32LE(at + fields.tag.offset));
    set(entryFields.status, status);
    set(entryFields.produced, produced);
    set(entryFields.phase, (this.#done & ENTRIES) === 0 ? 1 : 0);
    this.#done += 1;
    return input;
  }

  close(): void {
    this.#entries.unmap();
    this.#queue.close();
    this.#bounce.close();
  }
}

let hardware: Hardware;
let port: Port;
let memory: Fd;
let region: Mapping;
const completion = new Int32Array(COMPLETION_WORDS + PARAMETER_WORDS);

function send(tag: number, source: readonly number[], destination: readonly number[]): number {
  const row = new Int32Array(ROW_WORDS);
  row[R_OPERATION] = operations.copy.number;
  row.set(source, R_SOURCE_REGION);
  row.set(destination, R_DESTINATION_REGION);
  return port.queue.send(row, 0, tag, completion);
}

function outcome(): { tag: number; code: string; produced: number } {
  const status = completion[C_STATUS] as number;
  return {
    tag: completion[C_SLOT] as number,
    code: status === 0 ? 'OK' : errorCode(status),
    produced: completion[C_PRODUCED] as number,
  };
}

beforeEach(async () => {
  hardware = new Hardware();
  memory = createSealedMemory('region', REGION_BYTES);
  region = mapBare(memory, REGION_BYTES);
  region.buffer.fill('.');
  await new Promise<void>((resolve) => {
    port = openSpimdevPort(hardware, new DeviceMemory(hardware), {
      onWake: () => {},
      onReady: () => resolve(),
      onLost: () => {},
      onFailed: () => {},
      onIdle: () => {},
    });
    port.setWanted(true);
  });
  const added = port.addRegion(REGION, memory, REGION_BYTES);
  // Until it is known that it has to be copied, who names it waits.
  expect(send(0, [REGION, 0, 4], [REGION, 100, 4])).toBe(SEND_PENDING);
  for (const settle of hardware.mappings) settle();
  await added;
});

afterEach(async () => {
  await port.close();
  region.unmap();
  memory.close();
  hardware.close();
  await setImmediate();
  for (const name of ['queue', 'bounce', 'region']) expect(openFds().get(name) ?? 0).toBe(0);
});

it('the input is copied in, and as many bytes as were produced are copied out', () => {
  region.buffer.write('input', 10);
  expect(send(33, [REGION, 10, 5], [REGION, 100, 50])).toBe(SEND_TAKEN);
  expect(port.runningTag()).toBe(33);
  // What the client writes now comes too late.
  region.buffer.write('LATER', 10);
  expect(hardware.run('output!', { produced: 3 })).toBe('input');
  expect(region.buffer.toString('latin1', 98, 105)).toBe('.......');
  expect(port.queue.recv(completion)).toBe(true);
  expect(outcome()).toEqual({ tag: 33, code: 'OK', produced: 3 });
  expect(region.buffer.toString('latin1', 98, 105)).toBe('..out..');
  expect(port.queue.recv(completion)).toBe(false);
  expect(port.runningTag()).toBe(-1);
});

it('a device that claims to have produced more than there is room for does not get past the room', () => {
  expect(send(0, [REGION, 0, 2], [REGION, 100, 2])).toBe(SEND_TAKEN);
  hardware.run('too much', { produced: 4_000_000 });
  expect(port.queue.recv(completion)).toBe(true);
  expect(region.buffer.toString('latin1', 98, 106)).toBe('..to....');
});

it('a request that failed has produced nothing: its slot may hold what others left there', () => {
  expect(send(0, [REGION, 0, 6], [REGION, 100, 6])).toBe(SEND_TAKEN);
  hardware.run('secret', { status: STATUS.deviceError });
  expect(port.queue.recv(completion)).toBe(true);
  expect(outcome()).toEqual({ tag: 0, code: 'DEVICE_ERROR', produced: 0 });
  expect(region.buffer.toString('latin1', 98, 106)).toBe('........');
});

it('there are as many requests in the device as there are slots, and each has one of its own', () => {
  const inputs = ['a', 'b', 'c', 'd', 'e'];
  inputs.forEach((text, index) => region.buffer.write(text, index));
  for (let tag = 0; tag < SLOTS; tag++)
    expect(send(tag, [REGION, tag, 1], [REGION, 100 + tag, 1])).toBe(SEND_TAKEN);
  expect(send(SLOTS, [REGION, SLOTS, 1], [REGION, 104, 1])).toBe(SEND_FULL);
  expect(hardware.run('A')).toBe('a');
  expect(port.queue.recv(completion)).toBe(true);
  expect(send(SLOTS, [REGION, SLOTS, 1], [REGION, 104, 1])).toBe(SEND_TAKEN);
  for (const [index, text] of ['B', 'C', 'D', 'E'].entries()) {
    expect(hardware.run(text)).toBe(inputs[index + 1]);
    expect(port.queue.recv(completion)).toBe(true);
    expect(outcome().tag).toBe(index + 1);
  }
  expect(region.buffer.toString('latin1', 100, 106)).toBe('ABCDE.');
});

it.each([
  ['names a region that there is not', [8, 0, 4], [REGION, 0, 4], 'DMA_FAULT'],
  ['has its output in one', [REGION, 0, 4], [8, 0, 4], 'DMA_FAULT'],
  ['is too large for a slot', [REGION, 0, 65_537], [REGION, 0, 65_537], 'TOO_LARGE'],
  ['has no room for its output', [REGION, 0, 4], [REGION, 0, 3], 'OUTPUT_TOO_SMALL'],
])('a request that %s gets a code, and takes no slot', (_, source, destination, code) => {
  for (let count = 0; count <= SLOTS; count++) {
    expect(send(count, source, destination)).toBe(SEND_DONE);
    expect(outcome()).toMatchObject({ code, produced: 0 });
  }
  expect(send(0, [REGION, 0, 1], [REGION, 0, 1])).toBe(SEND_TAKEN);
});

it('a region that is removed is unmapped here', () => {
  port.removeRegion(REGION);
  expect(send(0, [REGION, 0, 4], [REGION, 0, 4])).toBe(SEND_DONE);
  expect(outcome().code).toBe('DMA_FAULT');
});
