// A broker that takes an engine's channels into its books, with an engine that this test plays.

import pino from 'pino';
import { expect, it } from 'vitest';
import { Host } from '../../../src/daemon/broker/host.ts';
import type { EngineLink } from '../../../src/daemon/broker/lending.ts';
import { BrokerService } from '../../../src/daemon/broker/service.ts';
import { TenantBook } from '../../../src/daemon/broker/tenant-book.ts';
import { Tokens } from '../../../src/daemon/broker/tokens.ts';
import { configurationSchema } from '../../../src/daemon/config/schema.ts';
import type { ChannelInventory } from '../../../src/daemon/contracts.ts';
import { errorNumber } from '../../../src/shared/errors.ts';
import { limits } from '../../fixtures/tenant-limits.ts';

const CHANNELS_A_PART = 2;

function describeChannel(channel: number): ChannelInventory {
  const owner = { uid: 1000, pid: 1, startTicks: '1' };
  const resumeSecret = channel.toString(16).padStart(32, '0');
  const tenant = { tenant: 'default:1000', limits: { ...limits, devices: ['soft0'] } };
  const setup = { channel, slots: 16, ...tenant, owner, resumeSecret };
  return { setup, queues: [1, 2], sessions: [], regions: [{ region: 1, bytes: 4096 }] };
}

/** `onListed`: called with the numbers of the channels of a part, just before the broker gets to see it. */
function rig(channels: readonly number[], onListed: (listed: readonly number[]) => void = () => {}) {
  const configuration = configurationSchema.parse({});
  const tenants = new TenantBook(configuration);
  const host = new Host({ descriptors: 1_000_000, mappings: 1_000_000 }, configuration);
  const asked: number[] = [];
  const answers: Record<string, (request: { readonly after: number }) => unknown> = {
    status: () => ({ devices: [] }),
    configureTenants: () => ({}),
    inventory: ({ after }) => {
      asked.push(after);
      const left = channels.filter((id) => id > after);
      const listed = left.slice(0, CHANNELS_A_PART);
      onListed(listed);
      return { channels: listed.map(describeChannel), isLast: listed.length === left.length };
    },
  };
  const engine = {
    call: (name: string, request: { readonly after: number }) => Promise.resolve(answers[name]?.(request)),
  } as unknown as EngineLink;
  const log = pino({ level: 'silent' });
  const service = new BrokerService({
    tenants,
    tokens: new Tokens(),
    host,
    log,
    engine: () => Promise.resolve(engine),
  });
  const used = () => tenants.named('default:1000').account.used('channels');
  return { service, asked, used, adopt: () => service.adopt(engine) };
}

const idsOf = (service: BrokerService) => [...service.clients].map(({ id }) => id);

it('all that the engine has is booked, part by part', async () => {
  const { service, asked, used, adopt } = rig([1, 2, 5, 6, 9]);
  await adopt();
  expect(idsOf(service)).toEqual([1, 2, 5, 6, 9]);
  expect(asked).toEqual([0, 2, 6]);
  expect(used()).toBe(5);
  // Once more, as if the link had been lost: nothing is charged twice.
  await adopt();
  expect(used()).toBe(5);
});

it('a channel that ends while the engine tells of it is not booked', async () => {
  const hungUp = errorNumber('CLIENT_CLOSED');
  const { service, used, adopt } = rig([1, 2, 5], (listed) => {
    if (listed.includes(5)) service.channelEnded(5, hungUp);
    if (listed.includes(1)) service.channelEnded(2, hungUp);
  });
  await adopt();
  expect(idsOf(service)).toEqual([1]);
  expect(used()).toBe(1);
});
