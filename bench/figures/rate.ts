// How many requests one client can have done in a second.

import { nodeProgram } from '../programs.ts';
import type { ContestantPlan, Group } from './figure.ts';

const TURN_MILLIS = 500;

function nop(way: string): ContestantPlan {
  return {
    amount: TURN_MILLIS,
    command: async (place) => nodeProgram('./clients/nop.js', await place.runtimeDir('auto'), way),
  };
}

const RING = 'unchecked ring of 64-byte slots, one way, depth 256, between two Node processes';

export const rateGroup: Group = {
  name: 'rates',
  ours: { batches: nop('batches'), promises: nop('promises') },
  yardsticks: { ring: { amount: TURN_MILLIS, command: () => nodeProgram('./yardsticks/ring.js') } },
  figures: [
    {
      name: 'nop_rate',
      what: 'nops of one client, depth 256, sent and received in batches',
      against: RING,
      unit: 'M/s',
      better: 'higher',
      value: 'batches.rate',
      yardstick: 'ring.rate',
      bar: 0.5,
    },
    {
      name: 'nop_rate_promise',
      what: 'the same through submit(), 256 promises in flight',
      against: RING,
      unit: 'M/s',
      better: 'higher',
      value: 'promises.rate',
      yardstick: 'ring.rate',
      bar: 0.1,
    },
  ],
};
