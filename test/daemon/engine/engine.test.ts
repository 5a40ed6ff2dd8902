// The engine's loop: when clients have to ring it, with a device that the test plays.

import { afterEach, expect, it } from 'vitest';
import { Channel } from '../../../src/daemon/engine/channel.ts';
import type { Device } from '../../../src/daemon/engine/device.ts';
import { Engine } from '../../../src/daemon/engine/engine.ts';
import { Ledger } from '../../../src/daemon/engine/ledger.ts';
import { Queue } from '../../../src/daemon/engine/queue.ts';
import { Scheduler } from '../../../src/daemon/engine/scheduler.ts';
import { Tenant } from '../../../src/daemon/engine/tenant.ts';
import { Usage } from '../../../src/daemon/engine/usage.ts';
import { ClientEnd } from '../../../src/shared/channel/client-end.ts';
import { channelGeometry, formatChannel, R_OPERATION, R_QUEUE } from '../../../src/shared/channel/layout.ts';
import { algorithmIndex, operations } from '../../../src/shared/operations.ts';
import { limits } from '../../fixtures/tenant-limits.ts';

const SLOTS = 8;
const ledger = Ledger.create();

afterEach(() => ledger.close());

it('has a client ring while its device may run dry, and not while it has enough to do', async () => {
  const device = {
    description: { usesCores: false },
    busyPorts: 0,
    inFlight: 0,
    isFed: false,
    isWaiting: false,
    completesAtOnce: false,
    usageOf: () => new Usage(),
    refusesAsTooLong: () => false,
    submit: () => {
      device.inFlight += 1;
    },
    reap: () => 0,
    checkTime: () => {},
    /** The engine's last question before it sleeps. */
    prepareSleep: () => {
      onAsleep();
      return true;
    },
  };
  let onAsleep = (): void => {};
  const engine = new Engine({ onViolation() {}, ring() {}, onCompleted() {} }, 1);
  engine.devices.push(device as unknown as Device);
  const geometry = channelGeometry(SLOTS);
  const words = new Int32Array(geometry.totalBytes / 4);
  formatChannel(words, geometry);
  const record = ledger.add({}, { slots: SLOTS, memory: 3, doorbell: 4 });
  const channel = new Channel(1, new Tenant('test', limits), words, geometry, record, () => {});
  const flow = new Scheduler(() => 0).createFlow('test', 1);
  const nop = { name: 'nop', index: algorithmIndex('nop') } as const;
  channel.queues[1] = new Queue(channel, 1, device as unknown as Device, flow, nop, SLOTS);
  const client = new ClientEnd(words, geometry);

  /** Submits one request; whether the engine was to be rung. */
  function submit(): boolean {
    const slot = client.takeSlot();
    words[client.slotWord(slot) + R_OPERATION] = operations.nop.number;
    words[client.slotWord(slot) + R_QUEUE] = 1;
    client.push(slot);
    return client.publish();
  }
  /** Resolves when what was done has woken the engine, and it sleeps again. */
  async function after(wake: () => void): Promise<void> {
    const asleep = new Promise<void>((resolve) => {
      onAsleep = resolve;
    });
    wake();
    await asleep;
  }
  const clientRings = () => after(() => engine.wakeChannel(channel));
  const deviceRings = () => after(() => engine.wake());

  submit();
  await clientRings();
  expect(device.inFlight).toBe(1);
  expect(submit()).toBe(true);
  device.isFed = true;
  await clientRings();
  expect(device.inFlight).toBe(2);
  expect(submit()).toBe(false);
  await deviceRings();
  expect(device.inFlight).toBe(3);
  expect(submit()).toBe(false);
  // Whoever takes something away from a channel has what was submitted before taken first.
  engine.catchUp();
  expect(device.inFlight).toBe(4);
  device.isFed = false;
  await deviceRings();
  expect(submit()).toBe(true);
  // Nothing is to be watched any more.
  engine.forget(channel);
  device.inFlight = 0;
  await deviceRings();
});
