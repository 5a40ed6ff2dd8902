// How long nobody is served when a process of the daemon is killed, beside a crowd of clients.

import { nodeProgram } from '../programs.ts';
import type { ContestantPlan, Figure, Group } from './figure.ts';

const KILLS = 50;
const NODE_STARTS = 20;
/** A turn is a kill every four seconds or so, milliseconds. */
const PATIENCE_MILLIS = 1_200_000;
const GAP_MILLIS_MAX = 500;

type Role = keyof typeof asked;

function restarts(role: Role): ContestantPlan {
  return {
    amount: KILLS,
    patienceMillis: PATIENCE_MILLIS,
    command: async (place) => nodeProgram('./clients/restarts.js', await place.runtimeDir('crowd'), role),
  };
}

const asked = {
  engine: 'one nop in flight all the time',
  broker: 'the status asked for all the time',
  custodian: 'clients that connect, one after the other',
} as const;

function gapFigures(role: Role): Figure[] {
  const common = {
    against: 'starting a Node process that does nothing, p50',
    unit: 'ms',
    better: 'lower',
    yardstick: 'node.p50',
  } as const;
  const what = `the longest time without an answer when the ${role} is killed; ${asked[role]}; 1,000 other clients with 10,000 queues`;
  return [
    {
      ...common,
      name: `restart_gap_${role}_p99`,
      what: `${what}; p99`,
      value: `${role}.p99`,
      most: GAP_MILLIS_MAX,
    },
    { ...common, name: `restart_gap_${role}_p50`, what: `${what}; p50`, value: `${role}.p50` },
  ];
}

export const restartGroup: Group = {
  name: 'restarts',
  isLong: true,
  ours: { engine: restarts('engine'), broker: restarts('broker'), custodian: restarts('custodian') },
  yardsticks: { node: { amount: NODE_STARTS, command: () => nodeProgram('./yardsticks/node-start.js') } },
  figures: [...gapFigures('engine'), ...gapFigures('broker'), ...gapFigures('custodian')],
};
