// What becomes of the requests that an engine left behind when it died: the journal of each channel says how far each
// had come.
//
//     completed, not reaped     its completion is in the channel: nothing to do
//     QUEUED                    no device had it: it runs as if nothing had happened
//     STARTED, pure             it runs again, once and alone
//     STARTED, not pure         INTERRUPTED: it may have run
//     STARTED for the 2nd time  it was running at two crashes: its channel ends, its tenant is named
//
// Pure: running it twice does what running it once does. That is so if its output overlaps no input of its own, and no
// other request in flight writes what it reads or touches what it writes.

import { errorNumber } from '../../shared/errors.ts';
import {
  R_AUXILIARY_REGION,
  R_DESTINATION_REGION,
  R_OPERATION,
  R_QUEUE,
  R_SESSION,
  R_SOURCE_REGION,
  RAN_MAYBE,
  RAN_NO,
} from '../../shared/channel/layout.ts';
import { algorithmIndex, operationsByNumber } from '../../shared/operations.ts';
import { ROW_WORDS } from '../../hwdrivers/driver.ts';
import type { Channel } from './channel.ts';
import { INDEX_SHIFT, isInFlight, kindOf, RERUN, STARTED } from './ledger-layout.ts';

const INTERRUPTED = errorNumber('INTERRUPTED');

/** What was found in one channel, in requests. */
export interface Recovery {
  queued: number;
  /** Started, and run again. */
  rerun: number;
  /** Started, and lost. */
  interrupted: number;
  /** Completed, and not reaped by the client. */
  unreaped: number;
  /** Requests that were running at two crashes: the channel is to end. */
  poisoned: number;
}

export function noRecovery(): Recovery {
  return { queued: 0, rerun: 0, interrupted: 0, unreaped: 0, poisoned: 0 };
}

interface Range {
  readonly region: number;
  readonly start: number;
  readonly end: number;
  readonly isWritten: boolean;
}

interface Left {
  readonly slot: number;
  readonly kind: number;
  /** When it was taken, before or after others. */
  readonly age: number;
  readonly ranges: readonly Range[];
}

/**
 * Puts each request in flight where it belongs; completes all where the channel is to end. The channel has its queues,
 * regions and sessions again, and no device holds anything of it.
 */
export function recoverRequests(channel: Channel): Recovery {
  const found = noRecovery();
  found.unreaped = channel.end.unreaped();
  if (channel.inFlight === 0) return found;
  const left = requestsLeft(channel);
  found.poisoned = left.filter(({ kind }) => kind === (STARTED | RERUN)).length;
  if (found.poisoned > 0) {
    for (const { slot, kind } of left)
      channel.interrupt(slot, INTERRUPTED, isStarted(kind) ? RAN_MAYBE : RAN_NO);
    found.interrupted = left.length;
    return found;
  }
  for (const request of left) {
    const { slot, kind } = request;
    const wasStarted = isStarted(kind);
    const queue = channel.queues[channel.rows[slot * ROW_WORDS + R_QUEUE] as number];
    const canRun = queue !== undefined && isRowValid(channel, slot, queue.algorithmIndex);
    if (!canRun || (wasStarted && !isPure(request, left))) {
      found.interrupted += 1;
      channel.interrupt(slot, INTERRUPTED, wasStarted ? RAN_MAYBE : RAN_NO);
      if (queue !== undefined) queue.completed += 1;
      continue;
    }
    queue.inFlight += 1;
    if (wasStarted || (kind & RERUN) !== 0) {
      found.rerun += 1;
      channel.markRerun(slot);
      queue.device.submitSuspect(queue, slot);
    } else {
      found.queued += 1;
      queue.device.enqueue(queue, slot);
    }
  }
  return found;
}

function isStarted(kind: number): boolean {
  return (kind & ~RERUN) === STARTED;
}

/** What is in flight, in the order in which it was taken. */
function requestsLeft(channel: Channel): Left[] {
  const left: Left[] = [];
  const head = channel.end.submissionHead;
  for (const [slot, word] of channel.journal.entries()) {
    if (!isInFlight(word)) continue;
    // Indices in the journal are cut to 29 bits.
    const age = ((head << INDEX_SHIFT) - (word & ~7)) >>> INDEX_SHIFT;
    left.push({ slot, kind: kindOf(word), age, ranges: rangesOf(channel, slot) });
  }
  return left.sort((a, b) => b.age - a.age);
}

function rangesOf(channel: Channel, slot: number): Range[] {
  const base = slot * ROW_WORDS;
  const ranges: Range[] = [];
  for (const at of [R_SOURCE_REGION, R_DESTINATION_REGION, R_AUXILIARY_REGION]) {
    const start = (channel.rows[base + at + 1] as number) >>> 0;
    const bytes = (channel.rows[base + at + 2] as number) >>> 0;
    if (bytes === 0) continue;
    const region = channel.rows[base + at] as number;
    ranges.push({ region, start, end: start + bytes, isWritten: at === R_DESTINATION_REGION });
  }
  return ranges;
}

function isPure(request: Left, all: readonly Left[]): boolean {
  return request.ranges.every((range) => {
    const own = request.ranges.filter((other) => other !== range);
    if (own.some((other) => isConflict(range, other))) return false;
    return all.every(
      (other) => other === request || !other.ranges.some((theirs) => isConflict(range, theirs)),
    );
  });
}

/** They overlap, and one of them is written. */
function isConflict(a: Range, b: Range): boolean {
  return (a.isWritten || b.isWritten) && a.region === b.region && a.start < b.end && b.start < a.end;
}

/** Whether the row is one that this channel can have had: a ledger that was written over must not reach others' memory. */
function isRowValid(channel: Channel, slot: number, algorithm: number): boolean {
  const base = slot * ROW_WORDS;
  const operation = operationsByNumber[channel.rows[base + R_OPERATION] as number];
  if (operation === undefined || algorithmIndex(operation.algorithm) !== algorithm) return false;
  const session = channel.rows[base + R_SESSION] as number;
  const isSessionKnown =
    operation.session === 'none' ? session === 0 : channel.sessionHandles.includes(session);
  if (!isSessionKnown) return false;
  return rangesOf(channel, slot).every(({ region, end }) => {
    const number = channel.regionHandles.indexOf(region);
    return number > 0 && end <= (channel.regionBytes[number] as number);
  });
}
