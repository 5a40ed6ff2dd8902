// Going on where another engine died: each channel of its ledger, with the descriptors that the vault gave back, is
// taken over, and the requests that were in flight find their way (recovery.ts). A channel that can't be had again is
// lost alone: its client sees the doorbell hang up, and sets up another.

import type { Logger } from 'pino';
import { errorNumber } from '../../shared/errors.ts';
import { closeAll, type Fd } from '../../sys/fd.ts';
import { shutdownSocket } from '../../sys/socket.ts';
import { type ChannelSetup, channelSetup } from '../contracts.ts';
import type { Lease, Leases, LeftDescriptors } from './leases.ts';
import type { Ledger, LedgeredRegion, LedgerRecord } from './ledger.ts';
import { noRecovery, type Recovery, recoverRequests } from './recovery.ts';
import type { Returned, Vault } from './vault.ts';

const POISONED = errorNumber('POISONED');

interface Heir {
  readonly leases: Leases;
  readonly ledger: Ledger;
  readonly vault: Vault;
  /** Names of the devices that there are. */
  readonly devices: ReadonlySet<string>;
  readonly log: Logger;
}

interface Adoption extends Recovery {
  channels: number;
  lost: number;
}

export function adoptAll(heir: Heir, returned: Returned): Adoption {
  const { records, refused } = heir.ledger.restore();
  for (const found of refused) heir.log.error({ found }, 'a channel is lost: its record is damaged');
  const sum: Adoption = { channels: 0, lost: refused.length, ...noRecovery() };
  for (const record of records) {
    const lease = adopt(heir, record, returned);
    if (lease === undefined) {
      sum.lost += 1;
      continue;
    }
    sum.channels += 1;
    const recovery = recoverRequests(lease.channel);
    for (const key of Object.keys(recovery) as (keyof Recovery)[]) sum[key] += recovery[key];
    if (recovery.poisoned > 0) end(heir, lease);
    else heir.leases.begin(lease);
  }
  return sum;
}

function adopt(
  { leases, ledger, vault, devices, log }: Heir,
  record: LedgerRecord,
  returned: Returned,
): Lease | undefined {
  const left = takeDescriptors(record, returned);
  const found = whyLost(record, left, devices);
  if (found === undefined) {
    return leases.restore(record, record.setup as ChannelSetup, left as LeftDescriptors);
  }
  log.error({ record: record.entry, found }, 'a channel is lost');
  const { memory, bell } = left;
  // Its regions stay as they are: the client goes on with them.
  if (bell !== undefined) shutdownSocket(bell.number);
  closeAll([memory, bell, ...left.regions.map((region) => region.memory)].filter((fd) => fd !== undefined));
  for (const handle of [record.memory, record.doorbell, ...left.regions.map((region) => region.handle)])
    vault.forget(handle);
  ledger.remove(record);
  return undefined;
}

interface Left {
  readonly memory: Fd | undefined;
  readonly bell: Fd | undefined;
  readonly regions: readonly (LedgeredRegion & { readonly memory: Fd | undefined })[];
}

function takeDescriptors(record: LedgerRecord, returned: Returned): Left {
  return {
    memory: returned.take(record.memory),
    bell: returned.take(record.doorbell),
    regions: record
      .regions()
      .map(({ number, handle, bytes }) => ({ number, handle, bytes, memory: returned.take(handle) })),
  };
}

/** undefined if the channel can go on. */
function whyLost(record: LedgerRecord, left: Left, devices: ReadonlySet<string>): string | undefined {
  if (left.memory === undefined) return 'the vault lacks its memory';
  if (left.bell === undefined) return 'the vault lacks its doorbell';
  const lacking = left.regions.find(({ memory }) => memory === undefined);
  if (lacking !== undefined) return `the vault lacks region ${lacking.number}`;
  const setup = channelSetup.safeParse(record.setup);
  if (!setup.success) return `its record makes no sense: ${setup.error.message}`;
  if (setup.data.slots !== record.slots) return 'its record and the directory differ in the number of slots';
  const gone = record.queues().find(({ device }) => !devices.has(device));
  return gone === undefined ? undefined : `device "${gone.device}" is not there any more`;
}

function end({ leases, log }: Heir, lease: Lease): void {
  const { channel, setup } = lease;
  const { uid, pid } = setup.owner;
  log.error(
    { channel: channel.id, tenant: channel.tenant.name, uid, pid },
    'a request was running at two crashes of the engine: its channel ends',
  );
  leases.end(lease, POISONED);
}
