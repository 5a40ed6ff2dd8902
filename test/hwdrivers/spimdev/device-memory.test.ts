// The regions of a device, with a host that this test plays.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DeviceMemory } from '../../../src/hwdrivers/spimdev/device-memory.ts';
import type { SpimdevHost } from '../../../src/hwdrivers/spimdev/host.ts';
import { ADDRESS_NONE, ADDRESS_PENDING } from '../../../src/hwdrivers/spimdev/transport.ts';
import { type Fd, openFds } from '../../../src/sys/fd.ts';
import { createSealedMemory } from '../../../src/sys/memory.ts';

class Host implements SpimdevHost {
  /** Answers to mapMemory that are still to be given, in order. */
  readonly answers: ((address: number | Error) => void)[] = [];
  readonly unmapped: number[] = [];
  readonly listeners: (() => void)[] = [];

  check(): never {
    throw new Error('memory checks no device');
  }

  takeQueue(): never {
    throw new Error('memory takes no queues');
  }

  returnQueue(): never {
    throw new Error('memory returns no queues');
  }

  mapMemory(memory: Fd): Promise<number> {
    expect(memory.isOpen).toBe(true);
    return new Promise((resolve, reject) => {
      this.answers.push((answer) => {
        expect(memory.isOpen).toBe(true);
        if (typeof answer === 'number') resolve(answer);
        else reject(answer);
      });
    });
  }

  unmapMemory(address: number): Promise<void> {
    this.unmapped.push(address);
    return Promise.resolve();
  }

  onRenewed(listener: () => void): void {
    this.listeners.push(listener);
  }

  async answer(address: number | Error): Promise<void> {
    this.answers.shift()?.(address);
    // Promises of promises: all that follows at once has happened after a turn.
    await new Promise(setImmediate);
  }
}

let host: Host;
let memory: DeviceMemory;
let region: Fd;

beforeEach(() => {
  host = new Host();
  memory = new DeviceMemory(host);
  region = createSealedMemory('a region', 4096);
});

afterEach(() => {
  region.close();
  expect(openFds().get('a region')).toBeUndefined();
});

describe('the memory of a device', () => {
  it('is mapped once for all ports, and unmapped with the last', async () => {
    let settled = 0;
    const ignore = memory.listen(() => {
      settled += 1;
    });
    void memory.add(7, region, 4096);
    void memory.add(7, region, 4096);
    expect(memory.addressOf(7)).toBe(ADDRESS_PENDING);
    await host.answer(0x1000);
    expect([memory.addressOf(7), settled, host.answers.length]).toEqual([0x1000, 1, 0]);
    memory.remove(7);
    expect(memory.addressOf(7)).toBe(0x1000);
    memory.remove(7);
    expect(memory.addressOf(7)).toBe(ADDRESS_NONE);
    await host.answer(0);
    expect(host.unmapped).toEqual([0x1000]);
    ignore();
  });

  it('that the host refuses has no address, and is told so', async () => {
    let settled = 0;
    memory.listen(() => {
      settled += 1;
    });
    void memory.add(1, region, 4096);
    await host.answer(new Error('no room'));
    expect([memory.addressOf(1), settled]).toEqual([ADDRESS_NONE, 1]);
    memory.remove(1);
    await host.answer(0);
    expect(host.unmapped).toEqual([]);
  });

  it('that was refused is tried again when the device serves; what is mapped stays as it is', async () => {
    void memory.add(1, region, 4096);
    void memory.add(2, region, 4096);
    await host.answer(0x1000);
    await host.answer(new Error('the group is not viable'));
    memory.retry();
    expect([memory.addressOf(1), memory.addressOf(2)]).toEqual([0x1000, ADDRESS_PENDING]);
    await host.answer(0x2000);
    expect([memory.addressOf(1), memory.addressOf(2)]).toEqual([0x1000, 0x2000]);
    expect(host.answers).toHaveLength(0);
  });

  it('that is removed before it was mapped is unmapped as soon as it is', async () => {
    void memory.add(1, region, 4096);
    memory.remove(1);
    region.close();
    await host.answer(0x2000);
    expect(host.unmapped).toEqual([0x2000]);
  });

  it('is mapped anew when the host was lost; an answer of the lost one does not count', async () => {
    void memory.add(1, region, 4096);
    await host.answer(0x1000);
    void memory.add(2, region, 4096);
    for (const listener of host.listeners) listener();
    expect([memory.addressOf(1), memory.addressOf(2)]).toEqual([ADDRESS_PENDING, ADDRESS_PENDING]);
    await host.answer(new Error('the host is gone'));
    expect(memory.addressOf(2)).toBe(ADDRESS_PENDING);
    await host.answer(0x3000);
    await host.answer(0x4000);
    expect([memory.addressOf(1), memory.addressOf(2)]).toEqual([0x3000, 0x4000]);
  });
});
