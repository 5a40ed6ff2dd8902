// How long nobody is served when a process of the daemon is killed, with a thousand channels open.

import { nodeProgram } from '../programs.ts';
import type { ContestantPlan, Figure, Group } from './figure.ts';

const CHANNELS = 1_000;
const ENGINE_KILLS = 100;
const OTHER_KILLS = 30;
const NODE_STARTS = 20;
/** A turn is a kill every two seconds or so, milliseconds. */
const PATIENCE_MILLIS = 1_200_000;

function restarts(role: string, kills: number, channels = 0): ContestantPlan {
  return {
    amount: kills,
    patienceMillis: PATIENCE_MILLIS,
    command: async (place) =>
      nodeProgram('./clients/restarts.js', await place.runtimeDir('auto'), role, String(channels)),
  };
}

const asked: Readonly<Record<string, string>> = {
  engine: 'one nop in flight all the time',
  broker: 'the status asked for all the time',
  custodian: 'clients that connect, one after the other',
};

function gapFigures(role: string, most?: number): Figure[] {
  const common = {
    against: 'starting a Node process that does nothing, p50',
    unit: 'ms',
    better: 'lower',
    yardstick: 'node.p50',
  } as const;
  const what = `the longest time without an answer when the ${role} is killed; ${asked[role]}; 1,000 channels`;
  return [
    {
      ...common,
      name: `restart_gap_${role}_p99`,
      what: `${what}; p99`,
      value: `${role}.p99`,
      ...(most === undefined ? {} : { most }),
    },
    { ...common, name: `restart_gap_${role}_p50`, what: `${what}; p50`, value: `${role}.p50` },
  ];
}

export const restartGroup: Group = {
  name: 'restarts',
  isLong: true,
  ours: {
    // The engine's contestant holds the channels for the others, too.
    engine: restarts('engine', ENGINE_KILLS, CHANNELS),
    broker: restarts('broker', OTHER_KILLS),
    custodian: restarts('custodian', OTHER_KILLS),
  },
  yardsticks: { node: { amount: NODE_STARTS, command: () => nodeProgram('./yardsticks/node-start.js') } },
  figures: [...gapFigures('engine', 500), ...gapFigures('broker'), ...gapFigures('custodian')],
};
