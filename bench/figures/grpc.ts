// What gRPC alone can do, beside a bare stream of the same library.

import { nodeProgram } from '../programs.ts';
import type { ContestantPlan, Group } from './figure.ts';

const RATE_MILLIS = 1_000;
const ROUND_TRIPS = 2_000;
const CONNECTIONS = 5_000;
/** On a busy machine, thousands of connections take a while, milliseconds. */
const PATIENCE_MILLIS = 300_000;
const ECHO = 'bare bidirectional echo of 64 bytes by grpc-js, between two Node processes';

function exchange(way: string, amount: number): ContestantPlan {
  return {
    amount,
    patienceMillis: PATIENCE_MILLIS,
    command: async (place) => nodeProgram('./clients/exchange.js', await place.runtimeDir('auto'), way),
  };
}

function echo(way: string, amount: number): ContestantPlan {
  return {
    amount,
    patienceMillis: PATIENCE_MILLIS,
    command: () => nodeProgram('./yardsticks/grpc-echo.js', way),
  };
}

export const grpcGroups: readonly Group[] = [
  {
    name: 'gRPC, pipelined',
    ours: { ours: exchange('rate', RATE_MILLIS), batches: exchange('batches', RATE_MILLIS) },
    yardsticks: { echo: echo('rate', RATE_MILLIS) },
    figures: [
      {
        name: 'grpc_rate',
        what: 'nops with 64 bytes over a stream, one in each message in both directions, depth 256',
        against: ECHO,
        unit: 'k/s',
        better: 'higher',
        value: 'ours.rate',
        yardstick: 'echo.rate',
        bar: 0.8,
      },
      {
        name: 'grpc_batch',
        what: 'the same with 64 in each message',
        against: `${ECHO}, one in each message`,
        unit: 'k/s',
        better: 'higher',
        value: 'batches.rate',
        yardstick: 'echo.rate',
      },
    ],
  },
  {
    name: 'gRPC, round trips',
    ours: { ours: exchange('round-trips', ROUND_TRIPS) },
    yardsticks: { echo: echo('round-trips', ROUND_TRIPS) },
    figures: [
      {
        name: 'grpc_rtt',
        what: 'one nop with 64 bytes over a stream, p50',
        against: `${ECHO}, p50`,
        unit: 'us',
        better: 'lower',
        value: 'ours.p50',
        yardstick: 'echo.p50',
        bar: 1.5,
      },
    ],
  },
  {
    name: 'gRPC, memory',
    // Memory that was once used stays with a process: a second turn would find it there.
    isLong: true,
    ours: { ours: exchange('memory', CONNECTIONS) },
    yardsticks: { echo: echo('memory', CONNECTIONS) },
    figures: [
      {
        name: 'grpc_memory',
        what: 'memory of the broker for each of 5,000 connected clients, with a channel and a stream',
        against: 'memory of a bare grpc-js server for each connection with a stream',
        unit: 'KiB',
        better: 'lower',
        value: 'ours.bytes',
        yardstick: 'echo.bytes',
      },
    ],
  },
];
