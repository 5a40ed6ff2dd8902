// What a figure is: a metric of one of our contestants against one of a yardstick, and the bar for their ratio.
// Figures that are measured together, by contestants that take turns, are a group.

import type { Command } from '../contestant.ts';
import type { DaemonKind } from '../daemon.ts';
import type { Better, MetricName } from '../rounds.ts';

export type Unit = '1' | 'us' | 'ms' | 'M/s' | 'k/s' | 'MB/s' | 'KiB' | '%';

/** What contestants' own units (microseconds, entries and bytes per second, bytes) are divided by. */
export const unitScale: Readonly<Record<Unit, number>> = {
  '1': 1,
  us: 1,
  ms: 1e3,
  'M/s': 1e6,
  'k/s': 1e3,
  'MB/s': 1e6,
  KiB: 1024,
  '%': 1,
};

export interface Figure {
  readonly name: string;
  readonly what: string;
  readonly against: string;
  readonly unit: Unit;
  readonly better: Better;
  readonly value: MetricName;
  readonly yardstick: MetricName;
  /** Where the ratio must be; `--check` fails where it isn't. */
  readonly bar?: number;
  /** What the value itself may be at most, in its unit; `--check` fails above. Instead of a bar for the ratio. */
  readonly most?: number;
  /** Where the ratio is to come; shown only. */
  readonly goal?: number;
  /** A metric that is reported beside the figure, and voids it where it is larger in any round. */
  readonly limit?: { readonly metric: MetricName; readonly max: number; readonly meaning: string };
}

/** Where contestants find what they need. */
export interface Place {
  /** The runtime folder of a daemon, which is started when first asked for. */
  runtimeDir(kind: DaemonKind): Promise<string>;
  /** Where a picture of the shares is to go, if it is wanted. */
  readonly picturePath: string | undefined;
  /** A C yardstick's program; undefined without a C compiler. */
  compile(name: string): Command | undefined;
}

export interface ContestantPlan {
  command(place: Place): Command | undefined | Promise<Command>;
  /** Of one turn: milliseconds of rates, round trips of latencies. */
  readonly amount: number;
  /** What a turn, or the start, may take; a minute by default. Milliseconds. */
  readonly patienceMillis?: number;
}

export interface Group {
  readonly name: string;
  /** Percentiles of what is rare: one long turn without a warm-up, not rounds of short ones. */
  readonly isLong?: boolean;
  readonly ours: Readonly<Record<string, ContestantPlan>>;
  readonly yardsticks: Readonly<Record<string, ContestantPlan>>;
  readonly figures: readonly Figure[];
}
