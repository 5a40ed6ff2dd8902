// Measures one group: starts the contestants that its chosen figures need, lets them take turns, computes results.

import { type Contestant, startContestant } from './contestant.ts';
import { type ContestantPlan, type Figure, type Group, type Place, unitScale } from './figures/figure.ts';
import {
  type Better,
  meetsBar,
  type MetricName,
  ratioOf,
  type Round,
  runRounds,
  valuesOf,
} from './rounds.ts';
import { median } from './statistics.ts';
import type { Metrics } from './turns.ts';

/** A figure's outcome, as the JSON file has it. Null is what could not be measured, or doesn't count. */
export interface Result {
  readonly name: string;
  readonly what: string;
  readonly against: string;
  readonly value: number | null;
  readonly unit: string;
  readonly yardstick: number | null;
  /** `value` / `yardstick`. */
  readonly ratio: number | null;
  readonly better: Better;
  readonly bar?: number;
  /** What `value` may be at most. */
  readonly most?: number;
  readonly goal?: number;
  /** Whether the bar, of ratio or value, is met where there is one. */
  readonly pass?: boolean;
  readonly note?: string;
  /** Why it could not be measured. */
  readonly error?: string;
}

export interface MeasureOptions {
  readonly rounds: number;
  /** Turns are so many times as large as planned. */
  readonly scale: number;
  readonly place: Place;
  readonly signal: AbortSignal;
  /** Told what is going on, for the impatient. */
  progress(text: string): void;
}

// The first two calls of a loop run in code that was compiled while it ran, which was seen to be half as fast.
const WARM_UP_TURNS = 3;
const WARM_UP_SCALE = 0.2;

interface Entrant {
  readonly contestant: Contestant;
  readonly amount: number;
}

/** Measures the figures of a group of these names. */
export async function measureGroup(group: Group, figures: readonly Figure[], options: MeasureOptions) {
  const entrants = new Map<string, Entrant>();
  try {
    await startEntrants(group, figures, { entrants, ...options });
    const measurable = figures.filter(({ value, yardstick }) =>
      [value, yardstick].every((metric) => entrants.has(contestantOf(metric))),
    );
    const yardsticks = measurable
      .map(({ yardstick }) => yardstick)
      .filter((metric) => contestantOf(metric) in group.yardsticks);
    options.progress(`${group.name}: warming up`);
    const rounds = group.isLong === true ? 1 : options.rounds;
    const warmUpTurns = group.isLong === true ? 0 : WARM_UP_TURNS;
    for (let turn = 0; turn < warmUpTurns; turn++) await measureRound(entrants, WARM_UP_SCALE);
    let measured = 0;
    const outcome = await runRounds({
      rounds,
      yardsticks,
      measureRound: async (isReversed) => {
        measured++;
        const isRepeat = measured > rounds;
        const what = isRepeat ? 'repeating an unsteady round' : `round ${measured} of ${rounds}`;
        options.progress(`${group.name}: ${what}`);
        return measureRound(isReversed ? [...entrants].toReversed() : entrants);
      },
    });
    return figures.map((figure) => {
      const facts = entrants.get(contestantOf(figure.value))?.contestant.facts ?? {};
      const notes = Object.entries(facts).map(([name, value]) => `${name} ${value}`);
      if (outcome.unsteady > 0) notes.push(`${outcome.unsteady} unsteady rounds`);
      return resultOf(figure, outcome.rounds, notes);
    });
  } finally {
    await Promise.all([...entrants.values()].map(({ contestant }) => contestant.end()));
  }
}

/** The outcome of a figure that could not be measured, though it should have been. */
export function failedResult({ name, what, against, unit, better }: Figure, error: string): Result {
  const note = 'its contestants failed';
  return {
    name,
    what,
    against,
    value: null,
    unit,
    yardstick: null,
    ratio: null,
    better,
    pass: false,
    note,
    error,
  };
}

function contestantOf(metric: MetricName): string {
  return metric.slice(0, metric.indexOf('.'));
}

/** Starts what the figures name, one after the other; leaves out what can't run here (no C compiler). */
async function startEntrants(
  group: Group,
  figures: readonly Figure[],
  options: MeasureOptions & { entrants: Map<string, Entrant> },
): Promise<void> {
  const plans: Readonly<Record<string, ContestantPlan>> = { ...group.ours, ...group.yardsticks };
  const needed = new Set(figures.flatMap(({ value, yardstick }) => [value, yardstick].map(contestantOf)));
  for (const [name, plan] of Object.entries(plans)) {
    if (!needed.has(name)) continue;
    options.progress(`${group.name}: starting "${name}"`);
    const command = await plan.command(options.place);
    if (command === undefined) continue;
    const contestant = await startContestant(command, options.signal, plan.patienceMillis);
    const amount = Math.max(1, Math.round(plan.amount * options.scale));
    options.entrants.set(name, { contestant, amount });
  }
}

/** Gives each its turn, in order; `scale` makes all turns shorter. */
async function measureRound(entrants: Iterable<[string, Entrant]>, scale = 1): Promise<Round> {
  const round: Record<string, Metrics> = {};
  for (const [name, { contestant, amount }] of entrants) {
    round[name] = await contestant.turn(Math.ceil(amount * scale));
  }
  return round;
}

function resultOf(figure: Figure, rounds: readonly Round[], notes: readonly string[]): Result {
  const scale = unitScale[figure.unit];
  const value = median(valuesOf(rounds, figure.value)) / scale;
  const yardstick = median(valuesOf(rounds, figure.yardstick)) / scale;
  const limit = compareWithLimit(figure, rounds);
  const isSkipped = Number.isNaN(value) || Number.isNaN(yardstick);
  const ratio = isSkipped || limit?.isExceeded === true ? null : ratioOf(value, yardstick);
  const reasons = [
    ...(isSkipped ? ['skipped: no C compiler for the yardstick'] : []),
    ...(limit === undefined ? [] : [limit.text]),
    ...notes,
  ];
  const { name, what, against, unit, better, bar, most, goal } = figure;
  return {
    name,
    what,
    against,
    value: Number.isNaN(value) ? null : value,
    unit,
    yardstick: Number.isNaN(yardstick) ? null : yardstick,
    ratio,
    better,
    ...(bar === undefined ? {} : { bar }),
    ...(most === undefined ? {} : { most }),
    ...(goal === undefined ? {} : { goal }),
    ...(most === undefined || isSkipped ? {} : { pass: value <= most }),
    ...(bar === undefined || isSkipped ? {} : { pass: ratio !== null && meetsBar(ratio, { better, bar }) }),
    ...(reasons.length === 0 ? {} : { note: reasons.join('; ') }),
  };
}

function compareWithLimit({ limit }: Figure, rounds: readonly Round[]) {
  if (limit === undefined) return undefined;
  const largest = Math.max(...valuesOf(rounds, limit.metric));
  const isExceeded = largest > limit.max;
  const text = `${limit.meaning} ${largest.toFixed(3)}${isExceeded ? `, void above ${limit.max}` : ''}`;
  return { isExceeded, text };
}
