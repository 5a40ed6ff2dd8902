// The engine's loop: when clients have to ring it, with a device that the test plays.

import { pino } from 'pino';
import { afterAll, describe, expect, it } from 'vitest';
import { Channel } from '../../../src/daemon/engine/channel.ts';
import type { Device } from '../../../src/daemon/engine/device.ts';
import { Engine } from '../../../src/daemon/engine/engine.ts';
import { Ledger } from '../../../src/daemon/engine/ledger.ts';
import { Queue } from '../../../src/daemon/engine/queue.ts';
import { Scheduler } from '../../../src/daemon/engine/scheduler.ts';
import { SharedQueues } from '../../../src/daemon/engine/shared-queues.ts';
import { Tenant } from '../../../src/daemon/engine/tenant.ts';
import { Usage } from '../../../src/daemon/engine/usage.ts';
import { ClientEnd } from '../../../src/shared/channel/client-end.ts';
import { channelGeometry, formatChannel, R_OPERATION, R_QUEUE } from '../../../src/shared/channel/layout.ts';
import { algorithmIndex, operations } from '../../../src/shared/operations.ts';
import { limits } from '../../fixtures/tenant-limits.ts';

const SLOTS = 8;
const ledger = Ledger.create();

afterAll(() => ledger.close());

const nop = { name: 'nop', index: algorithmIndex('nop') } as const;

/** A device that takes everything and completes nothing; `isFed` is the test's to say. */
class StillDevice {
  readonly name = 'still';
  readonly description = { usesCores: false, reachesOnDemand: false };
  readonly busyPorts = 0;
  readonly isWaiting = false;
  readonly completesAtOnce = false;
  inFlight = 0;
  isFed = false;
  /** Called when the engine asks its last question before it sleeps. */
  onAsleep = (): void => {};

  flowOf = () => new Scheduler(() => 0).createFlow('test', 1);
  usageOf = () => new Usage();
  refusesAsTooLong = () => false;
  lend = () => {};
  reap = () => 0;
  checkTime = () => {};

  submit(): void {
    this.inFlight += 1;
  }

  prepareSleep(): boolean {
    this.onAsleep();
    return true;
  }

  get asDevice(): Device {
    return this as unknown as Device;
  }
}

function prepare({ inFlightMax = limits.inFlightMax } = {}) {
  const device = new StillDevice();
  const engine = new Engine({ onViolation() {}, ring() {}, onCompleted() {} }, 1);
  engine.devices.push(device.asDevice);
  const geometry = channelGeometry(SLOTS);
  const words = new Int32Array(geometry.totalBytes / 4);
  formatChannel(words, geometry);
  const record = ledger.add({}, { slots: SLOTS, memory: 3, doorbell: 4 });
  const channel = new Channel(
    1,
    new Tenant('test', { ...limits, inFlightMax }),
    words,
    geometry,
    record,
    () => {},
  );
  channel.queues[1] = new Queue(channel, 1, device.asDevice, device.flowOf(), nop, SLOTS);
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
      device.onAsleep = resolve;
    });
    wake();
    await asleep;
  }

  function end(): Promise<void> {
    // Nothing is to be watched any more.
    engine.forget(channel);
    device.inFlight = 0;
    return after(() => engine.wake());
  }

  return { device, engine, channel, record, submit, after, end };
}

describe('a client has to ring', () => {
  it('while its device may run dry, and not while it has enough to do', async () => {
    const { device, engine, channel, submit, after, end } = prepare();
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
    device.isFed = false;
    await deviceRings();
    expect(submit()).toBe(true);
    await end();
  });

  it('from when it gets a queue on a device with nothing to do', async () => {
    const { device, engine, channel, record, submit, after, end } = prepare();
    device.isFed = true;
    submit();
    await after(() => engine.wakeChannel(channel));
    const other = new StillDevice();
    const owner = { channel, record, regions: new Map(), reached: new Set<Device>() };
    const grant = { number: 2, device: other.asDevice, algorithm: 'nop', depth: SLOTS } as const;
    await after(() => void new SharedQueues(engine, pino({ enabled: false })).open(owner, grant));
    expect(submit()).toBe(true);
    await end();
  });
});

it('takes what was submitted before something is taken away from the channel, though nobody rang', async () => {
  const { device, engine, channel, submit, after, end } = prepare();
  submit();
  engine.takeFrom(channel);
  expect(device.inFlight).toBe(1);
  // Now the engine is between two of its turns, or asleep again.
  for (let more = 0; more < 3; more++) submit();
  engine.takeFrom(channel);
  expect(device.inFlight).toBe(4);
  await after(() => engine.wakeChannel(channel));
  await end();
});

it('nobody waits for room in the place of a channel from which all was taken', async () => {
  const { device, engine, channel, submit, after, end } = prepare({ inFlightMax: 1 });
  const { tenant } = channel;
  submit();
  submit();
  await after(() => engine.wakeChannel(channel));
  expect(device.inFlight).toBe(1);
  expect(tenant.waiting.has(channel)).toBe(true);
  // As if a request of another channel had completed, of which the engine has yet to hear.
  tenant.inFlight = 0;
  engine.takeFrom(channel);
  expect(device.inFlight).toBe(2);
  expect(tenant.waiting.has(channel)).toBe(false);
  await end();
});
