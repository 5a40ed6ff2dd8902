// Whether tenants that all want one device get it by their weights, and what a light one waits for beside them.

import { nodeProgram } from '../programs.ts';
import type { Group } from './figure.ts';

const TURN_MILLIS = 4_000;
const TENANTS =
  '8 tenants of weights 1 to 8, 2 of them over gRPC, that always wait for one hardware queue, requests of 64 KiB to 1 MiB';

export const fairnessGroup: Group = {
  name: 'fairness',
  ours: {
    fairness: {
      amount: TURN_MILLIS,
      command: async (place) =>
        nodeProgram('./clients/fairness.js', await place.runtimeDir('tenants'), place.picturePath ?? ''),
    },
  },
  yardsticks: {},
  figures: [
    {
      name: 'fairness',
      what: "Jain's index of their device time by weight",
      against: TENANTS,
      unit: '1',
      better: 'higher',
      value: 'fairness.jain',
      yardstick: 'fairness.one',
      bar: 0.98,
    },
    {
      name: 'fairness_furthest',
      what: 'the share that is furthest from its weight, 1.05 if it is 5 % more or less',
      against: TENANTS,
      unit: '1',
      better: 'lower',
      value: 'fairness.furthest',
      yardstick: 'fairness.one',
      bar: 1.05,
    },
    {
      name: 'fairness_light',
      what: 'p99 of a light tenant beside them, from sent to received',
      against: 'device time of the longest request of the same run',
      unit: 'us',
      better: 'lower',
      value: 'fairness.light',
      yardstick: 'fairness.service',
      bar: 2,
    },
  ],
};
