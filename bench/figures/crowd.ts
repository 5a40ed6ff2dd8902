// What idle neighbours cost: nothing, but for some memory.

import { nodeProgram } from '../programs.ts';
import type { DaemonKind } from '../daemon.ts';
import type { ContestantPlan, Group } from './figure.ts';

const RATE_MILLIS = 500;
const IDLE_MILLIS = 10_000;
const LOOP_MILLIS = 3_000;
const SETUPS = 100;
const CHANNELS = 5_000;
const PATIENCE_MILLIS = 600_000;
const CROWD = '10,000 idle queues in 1,000 channels';

function crowd(kind: DaemonKind, way: string, amount: number): ContestantPlan {
  return {
    amount,
    patienceMillis: PATIENCE_MILLIS,
    command: async (place) => nodeProgram('./clients/crowd.js', await place.runtimeDir(kind), way),
  };
}

function nop(kind: DaemonKind): ContestantPlan {
  return {
    amount: RATE_MILLIS,
    command: async (place) => nodeProgram('./clients/nop.js', await place.runtimeDir(kind), 'batches'),
  };
}

function tenants(way: string): ContestantPlan {
  return {
    amount: RATE_MILLIS * 2,
    command: async (place) =>
      nodeProgram('./clients/many-tenants.js', await place.runtimeDir('tenants'), way),
  };
}

export const crowdGroups: readonly Group[] = [
  {
    name: 'rates beside a crowd',
    ours: { beside: nop('crowd') },
    yardsticks: { alone: nop('auto') },
    figures: [
      {
        name: 'idle_10k',
        what: `nops of one client beside ${CROWD}`,
        against: 'the same with no neighbours',
        unit: 'M/s',
        better: 'higher',
        value: 'beside.rate',
        yardstick: 'alone.rate',
        bar: 0.95,
      },
    ],
  },
  {
    name: 'queues beside a crowd',
    ours: { beside: crowd('crowd', 'queue-setup', SETUPS), alone: crowd('auto', 'queue-setup', SETUPS) },
    yardsticks: {},
    figures: [
      {
        name: 'queue_setup',
        what: `from asking for a queue to its first completion, p50, beside ${CROWD}`,
        against: 'the same with no neighbours',
        unit: 'ms',
        better: 'lower',
        value: 'beside.p50',
        yardstick: 'alone.p50',
        most: 5,
      },
    ],
  },
  {
    name: 'busy tenants',
    ours: { many: tenants('many') },
    yardsticks: { one: tenants('one') },
    figures: [
      {
        name: 'tenants_1k',
        what: 'CRC-32 of 4 KiB on 1,000 channels of as many tenants, 4 in flight on each',
        against: 'the same of one tenant',
        unit: 'k/s',
        better: 'higher',
        value: 'many.rate',
        yardstick: 'one.rate',
        bar: 0.8,
      },
    ],
  },
  {
    name: "the engine's loop beside a crowd",
    isLong: true,
    ours: { beside: crowd('crowd', 'loop-gaps', LOOP_MILLIS) },
    yardsticks: {},
    figures: [
      {
        name: 'loop_stall_p99_9',
        what: `how long the engine's loop leaves a channel unvisited, p99.9, with nops and calls beside ${CROWD}`,
        against: 'its p50',
        unit: 'ms',
        better: 'lower',
        value: 'beside.p999',
        yardstick: 'beside.p50',
        most: 2,
      },
    ],
  },
  {
    name: 'an idle crowd',
    isLong: true,
    ours: { crowd: crowd('crowd', 'idle-cpu', IDLE_MILLIS), alone: crowd('auto', 'idle-cpu', IDLE_MILLIS) },
    yardsticks: {},
    figures: [
      {
        name: 'idle_cpu',
        what: `processor time of all processes of the daemon with ${CROWD}, percent of a core, median of nine times 10 s`,
        against: 'the same without them',
        unit: '%',
        better: 'lower',
        value: 'crowd.percent',
        yardstick: 'alone.percent',
        most: 0.5,
      },
      {
        name: 'idle_cpu_most',
        what: 'the most of those nine: V8 collects what setting up ten thousand queues has left, once in each process',
        against: 'the same without them',
        unit: '%',
        better: 'lower',
        value: 'crowd.most',
        yardstick: 'alone.most',
      },
    ],
  },
  {
    name: 'memory of channels',
    isLong: true,
    ours: {
      many: crowd('auto', 'channel-memory', CHANNELS),
      few: crowd('auto', 'channel-memory', CHANNELS / 10),
    },
    yardsticks: {},
    figures: [
      {
        name: 'channel_kib',
        what: 'memory of all processes of the daemon and shared memory for each of 5,000 idle channels of 64 slots',
        against: 'the same for each of 500',
        unit: 'KiB',
        better: 'lower',
        value: 'many.bytes',
        yardstick: 'few.bytes',
        most: 96,
      },
    ],
  },
];
