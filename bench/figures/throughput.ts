// How much data the soft device works through, against what node offers by itself.

import type { DaemonKind } from '../daemon.ts';
import { nodeProgram } from '../programs.ts';
import type { ContestantPlan, Figure, Group } from './figure.ts';

const TURN_MILLIS = 700;
const KIB = 1024;

/** Output that is larger than node:zlib's at the same level would be speed bought with size. */
const OUTPUT_SHARE_MAX = 1.02;

function blocks(operation: string, blockBytes: number, daemon: DaemonKind = 'auto'): ContestantPlan {
  return {
    amount: TURN_MILLIS,
    command: async (place) =>
      nodeProgram('./clients/blocks.js', await place.runtimeDir(daemon), operation, String(blockBytes)),
  };
}

function yardstick(program: string, ...args: readonly (string | number)[]): ContestantPlan {
  return { amount: TURN_MILLIS, command: () => nodeProgram(program, ...args.map(String)) };
}

function gzipFigure(kib: number, contestant: string): Omit<Figure, 'name'> {
  return {
    what: `gzip level 1 of ${kib} KiB blocks, 16 in flight`,
    against: 'node:zlib asynchronous gzip level 1, 16 in flight',
    unit: 'MB/s',
    better: 'higher',
    value: `${contestant}.rate`,
    yardstick: 'zlib.rate',
    limit: {
      metric: `${contestant}.outputShare`,
      max: OUTPUT_SHARE_MAX,
      meaning: "output / node:zlib's",
    },
  };
}

const gzip64Group: Group = {
  name: 'gzip, 64 KiB',
  ours: {
    auto: blocks('gzip-compress', 64 * KIB),
    node: blocks('gzip-compress', 64 * KIB, 'node'),
  },
  yardsticks: { zlib: yardstick('./yardsticks/zlib-async.js', 64 * KIB) },
  figures: [
    { ...gzipFigure(64, 'auto'), name: 'gzip_64k', bar: 2.5 },
    { ...gzipFigure(64, 'node'), name: 'gzip_64k_node', bar: 0.9 },
  ],
};

const gzipWorkerGroup: Group = {
  name: 'gzip, 64 KiB, one worker',
  ours: { ours: blocks('gzip-compress', 64 * KIB, 'single') },
  yardsticks: { library: yardstick('./yardsticks/library-loop.js', 64 * KIB) },
  figures: [
    {
      name: 'gzip_direct',
      what: 'gzip level 1 of 64 KiB blocks, 16 in flight, on one worker',
      against: 'libisal called in a loop by one process',
      unit: 'MB/s',
      better: 'higher',
      value: 'ours.rate',
      yardstick: 'library.rate',
      bar: 0.9,
    },
  ],
};

const gzip4Group: Group = {
  name: 'gzip, 4 KiB',
  ours: { auto: blocks('gzip-compress', 4 * KIB) },
  yardsticks: { zlib: yardstick('./yardsticks/zlib-async.js', 4 * KIB) },
  figures: [{ ...gzipFigure(4, 'auto'), name: 'gzip_4k', bar: 3 }],
};

function cryptoGroup(name: string, operation: string, what: string): Group {
  return {
    name: what,
    ours: { ours: blocks(operation, 64 * KIB, 'single') },
    yardsticks: { loop: yardstick('./yardsticks/crypto-loop.js', operation, 64 * KIB) },
    figures: [
      {
        name,
        what: `${what} of 64 KiB blocks, 16 in flight, on one worker`,
        against: 'synchronous node:crypto in a loop, one process',
        unit: 'MB/s',
        better: 'higher',
        value: 'ours.rate',
        yardstick: 'loop.rate',
        bar: 0.85,
      },
    ],
  };
}

export const throughputGroups: readonly Group[] = [
  gzip64Group,
  gzipWorkerGroup,
  gzip4Group,
  cryptoGroup('sha256_64k', 'sha-256', 'SHA-256'),
  cryptoGroup('aes_gcm_64k', 'aes-256-gcm-encrypt', 'AES-256-GCM'),
];
