// What is done again and again: each round leaves nothing behind.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fstatSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { redeemToken } from '../../src/client/redeem.ts';
import { FD_SOCKET } from '../../src/shared/runtime-paths.ts';
import { closeAll, type Fd } from '../../src/sys/fd.ts';
import { RawClient } from '../fixtures/raw-client.ts';

const REGION_BYTES = 64 * 1024;
const LANES = 4;
const CALL_MILLIS_MAX = 30_000;

export interface Rounds {
  readonly name: string;
  readonly count: number;
  readonly shortCount: number;
  /** Does so many; `done` is told of each. */
  run(runtimeDir: string, count: number, done: () => void): Promise<void>;
}

/** So many at once, until there were `count`. */
async function inLanes(count: number, one: () => Promise<void>): Promise<void> {
  let started = 0;
  const lane = async (): Promise<void> => {
    while (started < count) {
      started += 1;
      await one();
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** The client keeps each descriptor, and so the memory: but not the pages, once it has released the region. */
const shares: Rounds = {
  name: 'regions shared and released, their descriptors kept',
  count: 10_000,
  shortCount: 200,
  run: async (runtimeDir, count, done) => {
    const client = await RawClient.open(runtimeDir);
    const { channel, control } = client;
    const kept: Fd[] = [];
    const written = Buffer.alloc(REGION_BYTES, 'x');
    await inLanes(count, async () => {
      const { region, token } = await control.call('ShareRegion', { channel, bytes: REGION_BYTES }, 'share');
      const expected = { fds: 1, label: 'region', timeoutMillis: CALL_MILLIS_MAX };
      const [memory] = await redeemToken(join(runtimeDir, FD_SOCKET), token, expected);
      if (memory === undefined) throw new Error('a region has memory');
      kept.push(memory);
      writeSync(memory.number, written, 0, REGION_BYTES, 0);
      await control.call('ReleaseRegion', { channel, region }, 'release');
      const { blocks } = fstatSync(memory.number);
      if (blocks > 0) throw new Error(`a released region still has ${blocks} blocks`);
      done();
    });
    closeAll(kept);
    client.close();
  },
};

const channels: Rounds = {
  name: 'channels opened and closed',
  count: 10_000,
  shortCount: 200,
  run: (runtimeDir, count, done) =>
    inLanes(count, async () => {
      const client = await RawClient.open(runtimeDir);
      client.close();
      done();
    }),
};

const kills: Rounds = {
  name: 'clients killed with requests in flight',
  count: 1_000,
  shortCount: 12,
  run: async (runtimeDir, count, done) => {
    const program = fileURLToPath(new URL('./victim.js', import.meta.url));
    await inLanes(count, async () => {
      const victim = fork(program, [runtimeDir]);
      const ended = once(victim, 'exit');
      const [outcome] = (await Promise.race([once(victim, 'message'), ended])) as [unknown];
      if (outcome !== 'ready') throw new Error(`a client ended by itself: ${String(outcome)}`);
      victim.kill('SIGKILL');
      await ended;
      done();
    });
  },
};

export const allRounds: readonly Rounds[] = [shares, channels, kills];
