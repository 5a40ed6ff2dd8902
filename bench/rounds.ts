// Rounds: each contestant measures once in each, so that what disturbs the machine for a while meets all of them.
// What counts are medians over the rounds.
//
// A yardstick that swings tells that something else ran meanwhile. So a round in which a yardstick is further from
// its own median than 30 % is thrown away and repeated, as often as there are rounds at most.

import { median } from './statistics.ts';
import type { Metrics } from './turns.ts';

const UNSTEADY_SHARE = 0.3;

/** One round: the metrics of each contestant, by its name. */
export type Round = Readonly<Record<string, Metrics>>;

/** Names a figure that is measured: 'contestant.metric'. */
export type MetricName = `${string}.${string}`;

export type Better = 'lower' | 'higher';

export interface RoundsOptions {
  readonly rounds: number;
  /** The metrics that must be steady. */
  readonly yardsticks: readonly MetricName[];
  /** Measures each contestant once; `isReversed` asks for the opposite order, so that nobody is always first. */
  measureRound(isReversed: boolean): Promise<Round>;
}

export interface Rounds {
  readonly rounds: readonly Round[];
  readonly repeats: number;
  /** Rounds that were still unsteady when no more repeats were allowed. */
  readonly unsteady: number;
}

/** Measures rounds and repeats the unsteady ones. */
export async function runRounds(options: RoundsOptions): Promise<Rounds> {
  const rounds: Round[] = [];
  while (rounds.length < options.rounds) rounds.push(await options.measureRound(rounds.length % 2 === 1));
  for (let repeats = 0; ; repeats++) {
    const unsteady = unsteadyRounds(rounds, options.yardsticks);
    const [worst] = unsteady;
    if (worst === undefined || repeats === options.rounds) {
      return { rounds, repeats, unsteady: unsteady.length };
    }
    rounds[worst] = await options.measureRound(repeats % 2 === 1);
  }
}

/** Which rounds have a yardstick too far from its median; those furthest from it first. */
export function unsteadyRounds(rounds: readonly Round[], yardsticks: readonly MetricName[]): number[] {
  const worstOf = rounds.map(() => 0);
  for (const name of yardsticks) {
    const values = valuesOf(rounds, name);
    const middle = median(values);
    for (const [index, value] of values.entries()) {
      worstOf[index] = Math.max(worstOf[index] ?? 0, Math.abs(value - middle) / middle);
    }
  }
  return [...worstOf.keys()]
    .filter((index) => (worstOf[index] ?? 0) > UNSTEADY_SHARE)
    .sort((a, b) => (worstOf[b] ?? 0) - (worstOf[a] ?? 0));
}

/** The values of a metric, one for each round; NaN where its contestant took no part. */
export function valuesOf(rounds: readonly Round[], name: MetricName): number[] {
  const [contestant = '', metric = ''] = name.split('.');
  return rounds.map((round) => {
    const metrics = round[contestant] ?? { [metric]: Number.NaN };
    const value = metrics[metric];
    if (value === undefined) throw new Error(`contestant "${contestant}" measures no "${metric}"`);
    return value;
  });
}

/** Ours in terms of the yardstick's. Of latencies a lower one is better, of rates a higher one. */
export function ratioOf(value: number, yardstick: number): number {
  return value / yardstick;
}

/** Whether a ratio is on the right side of its bar, or on it. */
export function meetsBar(ratio: number, bar: { readonly better: Better; readonly bar: number }): boolean {
  return bar.better === 'lower' ? ratio <= bar.bar : ratio >= bar.bar;
}
