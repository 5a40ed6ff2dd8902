// The engine's side of a channel, with a device that looks into the shared memory when a request reaches it.

import { afterEach, describe, expect, it } from 'vitest';
import { Channel } from '../../../src/daemon/engine/channel.ts';
import type { Device } from '../../../src/daemon/engine/device.ts';
import { Ledger } from '../../../src/daemon/engine/ledger.ts';
import { Queue } from '../../../src/daemon/engine/queue.ts';
import { Scheduler } from '../../../src/daemon/engine/scheduler.ts';
import { Usage } from '../../../src/daemon/engine/usage.ts';
import { Tenant } from '../../../src/daemon/engine/tenant.ts';
import { ClientEnd } from '../../../src/shared/channel/client-end.ts';
import {
  channelGeometry,
  formatChannel,
  R_OPERATION,
  R_QUEUE,
  W_SUBMISSION_HEAD,
} from '../../../src/shared/channel/layout.ts';
import { algorithmIndex, operations } from '../../../src/shared/operations.ts';
import { limits } from '../../fixtures/tenant-limits.ts';

const SLOTS = 8;
const ledger = Ledger.create();

afterEach(() => ledger.close());

describe('a channel', () => {
  it('says that a request is taken before any device can run it: what it does not say so of has not run', () => {
    const geometry = channelGeometry(SLOTS);
    const words = new Int32Array(geometry.totalBytes / 4);
    formatChannel(words, geometry);
    const tenant = new Tenant('test', limits);
    const record = ledger.add({}, { slots: SLOTS, memory: 3, doorbell: 4 });
    const channel = new Channel(1, tenant, words, geometry, record, () => {});
    const heads: number[] = [];
    const device = {
      submit: () => heads.push(words[W_SUBMISSION_HEAD] as number),
      usageOf: () => new Usage(),
    } as unknown as Device;
    const flow = new Scheduler(() => 0).createFlow('test', 1);
    const nop = { name: 'nop', index: algorithmIndex('nop') } as const;
    channel.queues[1] = new Queue(channel, 1, device, flow, nop, SLOTS);

    const client = new ClientEnd(words, geometry);
    for (let sent = 0; sent < 3; sent++) {
      const slot = client.takeSlot();
      words[client.slotWord(slot) + R_OPERATION] = operations.nop.number;
      words[client.slotWord(slot) + R_QUEUE] = 1;
      client.push(slot);
    }
    client.publish();
    expect(channel.take(0)).toBe(3);
    expect(heads).toHaveLength(3);
    for (const [index, head] of heads.entries()) expect(head).toBeGreaterThan(index);
  });
});
