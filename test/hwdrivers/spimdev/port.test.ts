// When a port has a hardware queue and when not, with a host that this test plays: its queues are plain memory.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MEMORY_BYTES } from '../../../src/hwdrivers/edu/driver.ts';
import { ROW_PARAMETERS, ROW_WORDS, SEND_FULL, SEND_TAKEN } from '../../../src/hwdrivers/driver.ts';
import type { Port } from '../../../src/hwdrivers/port.ts';
import { DeviceMemory } from '../../../src/hwdrivers/spimdev/device-memory.ts';
import type { SpimdevHost, TakenQueue } from '../../../src/hwdrivers/spimdev/host.ts';
import { openSpimdevPort } from '../../../src/hwdrivers/spimdev/port.ts';
import { COMPLETION_WORDS, PARAMETER_WORDS, R_OPERATION } from '../../../src/shared/channel/layout.ts';
import { WarpError } from '../../../src/shared/errors.ts';
import { operations } from '../../../src/shared/operations.ts';
import { type Fd, openFds } from '../../../src/sys/fd.ts';
import { createSealedMemory, mapShared, PAGE_BYTES } from '../../../src/sys/memory.ts';

class Host implements SpimdevHost {
  taken = 0;
  readonly returned: number[] = [];
  /** What the device can't be used for, while there is something. */
  trouble: string | undefined;
  /** Who waits in line, while nobody is served. */
  line: (() => void)[] | undefined;
  readonly queues = new Map<number, Fd>();

  check(): Promise<void> {
    return this.trouble === undefined ? Promise.resolve() : Promise.reject(this.#refusal(this.trouble));
  }

  async takeQueue(): Promise<TakenQueue> {
    const { line } = this;
    if (line !== undefined) await new Promise<void>((resolve) => line.push(resolve));
    await this.check();
    const id = ++this.taken;
    const fd = createSealedMemory('queue', PAGE_BYTES + MEMORY_BYTES);
    this.queues.set(id, fd.dup());
    return { id, fd, deviceApi: 'wd_edu_v1', isStoppable: true };
  }

  returnQueue(id: number): Promise<void> {
    this.returned.push(id);
    this.queues.get(id)?.close();
    return Promise.resolve();
  }

  mapMemory(): never {
    throw new Error('this test maps nothing');
  }

  unmapMemory(): never {
    throw new Error('this test maps nothing');
  }

  onRenewed(): void {}

  #refusal(found: string): WarpError {
    return new WarpError('DEVICE_UNUSABLE', { operation: 'use the device', found });
  }
}

let host: Host;
let port: Port;
let told: string[];
let onTold: () => void;
const completion = new Int32Array(COMPLETION_WORDS + PARAMETER_WORDS);

function open(): void {
  port = openSpimdevPort(host, new DeviceMemory(host), {
    onWake: () => {},
    onReady: () => tell('ready'),
    onLost: (found) => tell(`lost: ${found}`),
    onFailed: (found) => tell(`failed: ${found}`),
    onIdle: () => tell('idle'),
  });
}

function tell(event: string): void {
  told.push(event);
  onTold();
}

function until(count: number): Promise<void> {
  return new Promise((resolve) => {
    onTold = () => {
      if (told.length >= count) resolve();
    };
    onTold();
  });
}

function send(): number {
  const row = new Int32Array(ROW_WORDS);
  row[R_OPERATION] = operations.factorial.number;
  row[ROW_PARAMETERS] = 5;
  return port.queue.send(row, 0, 0, completion);
}

beforeEach(() => {
  host = new Host();
  told = [];
  onTold = () => {};
});

afterEach(async () => {
  await port.close();
  expect(openFds().get('queue') ?? 0).toBe(0);
});

describe('a port on a hardware queue', () => {
  it('takes none until it is wanted, and gives it back when it is not any more', async () => {
    open();
    await until(1);
    expect(told).toEqual(['idle']);
    expect(host.taken).toBe(0);
    expect(send()).toBe(SEND_FULL);
    port.setWanted(true);
    await until(2);
    expect([told, host.taken]).toEqual([['idle', 'ready'], 1]);
    port.setWanted(false);
    expect(told).toEqual(['idle', 'ready', 'idle']);
    expect(host.returned).toEqual([1]);
    port.setWanted(true);
    await until(4);
    expect(host.taken).toBe(2);
  });

  it('that is not wanted any more gives it back once its last request has completed', async () => {
    open();
    port.setWanted(true);
    await until(1);
    expect(told).toEqual(['ready']);
    expect(send()).toBe(SEND_TAKEN);
    port.setWanted(false);
    expect(host.returned).toEqual([]);
    complete(1);
    expect(port.queue.recv(completion)).toBe(true);
    await until(2);
    expect([told, host.returned]).toEqual([['ready', 'idle'], [1]]);
  });

  it('that waits in line for a queue gives it back at once if nobody wants it by then', async () => {
    host.line = [];
    open();
    port.setWanted(true);
    while (host.line.length === 0) await new Promise(setImmediate);
    port.setWanted(false);
    host.line[0]?.();
    await until(1);
    expect([told, host.returned]).toEqual([['idle'], [1]]);
  });

  it('can be closed while it waits in line', async () => {
    const line: (() => void)[] = [];
    host.line = line;
    open();
    port.setWanted(true);
    while (line.length === 0) await new Promise(setImmediate);
    await port.close();
    line[0]?.();
    while (host.returned.length === 0) await new Promise(setImmediate);
    expect(host.returned).toEqual([1]);
  });

  it('of a device that can not be had says so once, and serves when the device is there', async () => {
    host.trouble = 'it is not there';
    open();
    await until(1);
    expect(told[0]).toMatch(/^failed: .*it is not there/);
    host.trouble = undefined;
    await until(2);
    expect(told[1]).toBe('idle');
    port.setWanted(true);
    await until(3);
    expect(told[2]).toBe('ready');
  });

  it('whose queue was stopped while it was empty sends nothing into it, and takes another one', async () => {
    open();
    port.setWanted(true);
    await until(1);
    stop(1);
    expect(send()).toBe(SEND_FULL);
    await until(3);
    expect(told).toEqual(['ready', 'lost: the kernel says that it is stopped', 'ready']);
    expect(send()).toBe(SEND_TAKEN);
  });

  it('whose queue was stopped while it was empty lets go of it by itself: the kernel may wait for that', async () => {
    open();
    port.setWanted(true);
    await until(1);
    stop(1);
    await until(3);
    expect(host.returned).toEqual([1]);
  });

  it('that is lost while it is wanted is followed by another one; while it is not, by none', async () => {
    open();
    port.setWanted(true);
    await until(1);
    expect(send()).toBe(SEND_TAKEN);
    port.reset();
    await until(3);
    expect(told).toEqual(['ready', 'lost: it was reset', 'ready']);
    expect(send()).toBe(SEND_TAKEN);
    port.setWanted(false);
    port.reset();
    await until(5);
    expect(told.slice(3)).toEqual(['lost: it was reset', 'idle']);
    expect([host.taken, host.returned]).toEqual([2, [1, 2]]);
  });
});

/** Plays the kernel: stops a queue that others hold. */
function stop(id: number): void {
  const memory = mapShared(host.queues.get(id) as Fd, MEMORY_BYTES, PAGE_BYTES);
  const words = memory.words();
  Atomics.store(words, words.length - 1, 1);
  memory.unmap();
}

/** Plays the device: completes the first entry of a queue. */
function complete(id: number): void {
  const memory = mapShared(host.queues.get(id) as Fd, MEMORY_BYTES, PAGE_BYTES);
  const words = memory.words();
  words[4096 / 4 + 3] = 120;
  Atomics.store(words, 4096 / 4 + 7, 1);
  memory.unmap();
}
