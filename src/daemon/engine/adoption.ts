// Going on where another engine died: each channel of its ledger, with the descriptors that the vault gave back, is
// taken over, and the requests that were in flight find their way (recovery.ts). A channel that can't be had again is
// lost alone: its client sees the doorbell hang up, and sets up another.
//
//     all that is left --> those with signs of life --> the others        each is served from then on
//                          slice | turn | slice | turn | ...              slices of a millisecond
//
// A thousand idle channels take a good part of a second to be taken over. Nobody misses them meanwhile.

import { setImmediate } from 'node:timers/promises';
import type { Logger } from 'pino';
import { W_ENGINE_NEEDS_WAKEUP } from '../../shared/channel/layout.ts';
import { errorNumber } from '../../shared/errors.ts';
import { closeAll, type Fd } from '../../sys/fd.ts';
import { readWord } from '../../sys/memory.ts';
import { readableNow, shutdownSocket } from '../../sys/socket.ts';
import { type ChannelSetup, channelSetup } from '../contracts.ts';
import type { Device } from './device.ts';
import type { Engine } from './engine.ts';
import type { Lease, Leases, LeftDescriptors } from './leases.ts';
import type { LedgeredRegion, LedgerRecord } from './ledger-record.ts';
import type { Ledger } from './ledger.ts';
import { noRecovery, type Recovery, recoverRequests } from './recovery.ts';
import type { Returned, Vault } from './vault.ts';

const POISONED = errorNumber('POISONED');

/** Between two turns of the event loop, milliseconds. */
const SLICE_MILLIS = 1;

export interface Heir {
  readonly engine: Engine;
  readonly leases: Leases;
  readonly ledger: Ledger;
  readonly vault: Vault;
  readonly returned: Returned;
  readonly log: Logger;
}

/** How many channels were taken over and lost, with what was in them. */
interface Found extends Recovery {
  channels: number;
  lost: number;
}

/** All that was left, with those first that want something, and what became of it so far. */
export interface Legacy {
  readonly lively: readonly Left[];
  readonly idle: readonly Left[];
  readonly found: Found;
}

export function readLegacy(ledger: Ledger, returned: Returned, log: Logger): Legacy {
  const { records, refused } = ledger.restore();
  for (const found of refused) log.error({ found }, 'a channel is lost: its record is damaged');
  const found = { channels: 0, lost: refused.length, ...noRecovery() };
  const all = records.map((record) => ({
    record,
    memory: returned.take(record.memory),
    bell: returned.take(record.doorbell),
  }));
  return { ...splitByNeed(all), found };
}

/** Takes channels over, a few at a time; those that were can be used meanwhile. */
export async function adopt(heir: Heir, all: readonly Left[], found: Found): Promise<void> {
  let sliceEndMillis = performance.now() + SLICE_MILLIS;
  for (const left of all) {
    if (performance.now() >= sliceEndMillis) {
      heir.engine.wake();
      await setImmediate();
      sliceEndMillis = performance.now() + SLICE_MILLIS;
    }
    adoptOne(heir, left, found);
  }
  heir.engine.wake();
}

/** What was left of one channel. */
interface Left {
  readonly record: LedgerRecord;
  readonly memory: Fd | undefined;
  readonly bell: Fd | undefined;
}

/**
 * Lively are those with requests in flight, rung, or polled by the engine that died, so that their clients don't ring.
 * The last of these is the client's own word, and all that it decides is when it has its turn.
 */
function splitByNeed(all: readonly Left[]): { readonly lively: Left[]; readonly idle: Left[] } {
  const rung = new Set(readableNow(all.flatMap(({ bell }) => bell ?? []).map(({ number }) => number)));
  const isLively = ({ record, memory, bell }: Left): boolean =>
    record.isBusy ||
    (bell !== undefined && rung.has(bell.number)) ||
    (memory !== undefined && readWord(memory, W_ENGINE_NEEDS_WAKEUP) === 0);
  const lively = new Set(all.filter(isLively));
  return { lively: [...lively], idle: all.filter((left) => !lively.has(left)) };
}

function adoptOne(heir: Heir, { record, memory, bell }: Left, sum: Found): void {
  const regions = record
    .regions()
    .map(({ number, handle, bytes }) => ({ number, handle, bytes, memory: heir.returned.take(handle) }));
  const left = { memory, bell, regions };
  const { data: setup, error } = channelSetup.safeParse(record.setup);
  const found =
    setup === undefined
      ? `its record makes no sense: ${error?.message}`
      : (whyMissing(left) ?? whyImpossible(record, setup, heir.engine.devices));
  if (setup === undefined || found !== undefined) {
    heir.log.error({ record: record.entry, found }, 'a channel is lost');
    sum.lost += 1;
    return lose(heir, record, left);
  }
  const lease = heir.leases.restore(record, setup, left as LeftDescriptors);
  sum.channels += 1;
  const recovery = recoverRequests(lease.channel);
  for (const key of Object.keys(recovery) as (keyof Recovery)[]) sum[key] += recovery[key];
  if (recovery.poisoned > 0) end(heir, lease);
  else heir.leases.begin(lease);
}

/** The descriptors of a channel, as far as they are there. */
interface Descriptors {
  readonly memory: Fd | undefined;
  readonly bell: Fd | undefined;
  readonly regions: readonly (LedgeredRegion & { readonly memory: Fd | undefined })[];
}

function lose({ ledger, vault }: Heir, record: LedgerRecord, { memory, bell, regions }: Descriptors): void {
  // Its regions stay as they are: the client goes on with them.
  if (bell !== undefined) shutdownSocket(bell.number);
  closeAll([memory, bell, ...regions.map((region) => region.memory)].filter((fd) => fd !== undefined));
  for (const handle of [record.memory, record.doorbell, ...regions.map((region) => region.handle)])
    vault.forget(handle);
  ledger.remove(record);
}

/** undefined if all descriptors are there. */
function whyMissing({ memory, bell, regions }: Descriptors): string | undefined {
  if (memory === undefined) return 'the vault lacks its memory';
  if (bell === undefined) return 'the vault lacks its doorbell';
  const lacking = regions.find((region) => region.memory === undefined);
  return lacking === undefined ? undefined : `the vault lacks region ${lacking.number}`;
}

/** undefined if the channel can go on. */
function whyImpossible(
  record: LedgerRecord,
  { slots }: ChannelSetup,
  devices: readonly Device[],
): string | undefined {
  if (slots !== record.slots) return 'its record and the directory differ in the number of slots';
  const names = new Set(devices.map(({ name }) => name));
  const gone = record.queues().find(({ device }) => !names.has(device));
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
