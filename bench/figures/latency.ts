// How long one request takes: with both sides awake, and with both asleep.

import { nodeProgram } from '../programs.ts';
import type { ContestantPlan, Group } from './figure.ts';

const SPINNING_MILLIS = 400;
const WAKING_ROUND_TRIPS = 100;

function nop(way: string, amount: number): ContestantPlan {
  return {
    amount,
    command: async (place) => nodeProgram('./clients/nop.js', await place.runtimeDir('auto'), way),
  };
}

export const spinningGroup: Group = {
  name: 'round trips, awake',
  ours: { ours: nop('round-trips', SPINNING_MILLIS), busy: nop('busy-round-trips', SPINNING_MILLIS) },
  yardsticks: { c: { amount: SPINNING_MILLIS, command: (place) => place.compile('ping-pong') } },
  figures: [
    {
      name: 'rtt_spin',
      what: 'one nop round trip on a shared queue, both sides spinning, p50',
      against: 'C shared-memory ping-pong of two spinning processes, p50',
      unit: 'us',
      better: 'lower',
      value: 'ours.p50',
      yardstick: 'c.p50',
      bar: 2.5,
    },
    {
      name: 'rtt_spin_p99',
      what: 'the p99 of the same',
      against: 'its p50',
      unit: 'us',
      better: 'lower',
      value: 'ours.p99',
      yardstick: 'ours.p50',
      bar: 4,
    },
    {
      name: 'nop_busy_p99',
      what: 'the p99 of the same while the soft device compresses all it can',
      against: 'its p99 without',
      unit: 'us',
      better: 'lower',
      value: 'busy.p99',
      yardstick: 'ours.p99',
      bar: 3,
    },
  ],
};

export const wakingGroup: Group = {
  name: 'round trips, asleep',
  ours: { ours: nop('wake-ups', WAKING_ROUND_TRIPS) },
  yardsticks: {
    node: { amount: WAKING_ROUND_TRIPS, command: () => nodeProgram('./yardsticks/unix-socket.js') },
    c: { amount: WAKING_ROUND_TRIPS, command: (place) => place.compile('unix-socket') },
  },
  figures: [
    {
      name: 'rtt_wake',
      what: 'one nop round trip, client and engine asleep before it, p50',
      against: 'Unix-socket ping-pong of 64 bytes between two Node processes, asleep before each, p50',
      unit: 'us',
      better: 'lower',
      value: 'ours.p50',
      yardstick: 'node.p50',
      bar: 1.2,
    },
    {
      name: 'rtt_wake_c',
      what: 'the same',
      against: 'the same ping-pong between two C processes',
      unit: 'us',
      better: 'lower',
      value: 'ours.p50',
      yardstick: 'c.p50',
    },
  ],
};
