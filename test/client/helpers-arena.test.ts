import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Connection } from '../../src/client/connection.ts';
import { Arena } from '../../src/client/helpers/arena.ts';
import { WarpError } from '../../src/shared/errors.ts';
import { eventually } from '../fixtures/daemon.ts';
import { connectTo, type ReachableDaemon, startReachableDaemon, transport } from '../fixtures/transport.ts';

/** What the daemon shares for an arena of 4 blocks; over gRPC regions are the program's own memory. */
const ARENA_BYTES = transport === 'fast-path' ? 4 * 4096 : 0;

let daemon: ReachableDaemon;
let connection: Connection;

beforeAll(async () => {
  daemon = await startReachableDaemon();
  connection = await connectTo(daemon);
});

afterAll(async () => {
  await connection.close();
  await daemon.stop();
});

async function sharedBytes(): Promise<number> {
  const { usage } = await connection.status();
  return usage.find(({ resource }) => resource === 'shared_bytes')?.used ?? Number.NaN;
}

function arenaOf(blocks: number): Arena {
  return new Arena((bytes) => connection.share(bytes), { blocks, blockBytes: 4096 });
}

test('an arena obtains its region with the first lease, and only one', async () => {
  const before = await sharedBytes();
  const arena = arenaOf(4);
  expect(await sharedBytes()).toBe(before);
  const leases = await Promise.all([arena.take(1), arena.take(4096), arena.take(4097)]);
  expect(leases.map(({ bytes }) => bytes)).toEqual([4096, 4096, 8192]);
  expect(await sharedBytes()).toBe(before + ARENA_BYTES);
  for (const lease of leases) lease.release();
});

test('leases never overlap, and a range stays within its lease', async () => {
  const arena = arenaOf(8);
  const leases = await Promise.all([3, 1, 2, 2].map((blocks) => arena.take(blocks * 4096)));
  for (const [index, lease] of leases.entries()) lease.view(0, lease.bytes).fill(index + 1);
  for (const [index, lease] of leases.entries()) {
    expect(lease.view(0, lease.bytes).every((byte) => byte === index + 1)).toBe(true);
    expect(() => lease.range(1, lease.bytes)).toThrow('within its lease');
    expect(() => lease.range(-1, 1)).toThrow('within its lease');
    lease.release();
    expect(() => lease.range(0, 1)).toThrow('is held');
  }
});

test('whoever finds no room waits in order, and a large lease is not starved by small ones', async () => {
  const arena = arenaOf(4);
  const order: string[] = [];
  const first = await arena.take(2 * 4096);
  const second = await arena.take(4096);
  const large = arena.take(4 * 4096).then((lease) => {
    order.push('large');
    return lease;
  });
  const small = arena.take(4096).then((lease) => {
    order.push('small');
    return lease;
  });
  second.release();
  second.release();
  await new Promise(setImmediate);
  expect(order).toEqual([]);
  first.release();
  (await large).release();
  (await small).release();
  expect(order).toEqual(['large', 'small']);
});

test('freed blocks are found again, wherever they lie', async () => {
  const arena = arenaOf(4);
  const leases = await Promise.all([1, 2, 3, 4].map(() => arena.take(4096)));
  leases[1]?.release();
  leases[2]?.release();
  const middle = await arena.take(8192);
  expect(middle.range(0, 8192).offset).toBe(4096);
  for (const lease of [leases[0], leases[3], middle]) lease?.release();
  expect((await arena.take(4 * 4096)).range(0, 1).offset).toBe(0);
});

test('after a lease was abandoned no memory of its region is lent, and the region is given back', async () => {
  const before = await sharedBytes();
  const arena = arenaOf(4);
  const [lost, other] = await Promise.all([arena.take(4096), arena.take(4096)]);
  const waiting = arena.take(4 * 4096);
  const { region } = lost.range(0, 1);
  lost.abandon();
  lost.abandon();
  const fresh = await waiting;
  expect(fresh.range(0, 1).region).not.toBe(region);
  expect(region.isReleased).toBe(false);
  other.release();
  await eventually('the release', () => region.isReleased);
  expect(await sharedBytes()).toBe(before + ARENA_BYTES);
  fresh.release();
});

test('when no region can be had everybody who waits is told why, and the next one tries again', async () => {
  let isRefused = true;
  const refusal = new WarpError('QUOTA_EXCEEDED', { operation: 'share' });
  const arena = new Arena((bytes) => (isRefused ? Promise.reject(refusal) : connection.share(bytes)), {
    blocks: 4,
    blockBytes: 4096,
  });
  const results = await Promise.allSettled([arena.take(1), arena.take(2)]);
  expect(results.map((result) => (result.status === 'rejected' ? result.reason : 'lent'))).toEqual([
    refusal,
    refusal,
  ]);
  isRefused = false;
  (await arena.take(1)).release();
});
