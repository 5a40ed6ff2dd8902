// npm run test:fuzz: hostile clients beside valid ones, for so many entries; ends with 1 if anything went wrong.

import { Command as Program, InvalidArgumentError } from 'commander';
import { startProgress } from '../../../bench/progress.ts';
import { errorCode, errorNumber } from '../../../src/shared/errors.ts';
import { type Counts, fuzz, type FuzzResult } from './fuzz.ts';

const ENTRIES_DEFAULT = 1_000_000;

interface Options {
  readonly entries: number;
  readonly seed: number;
  readonly json: boolean;
}

const { entries, seed, json } = new Program('npm run test:fuzz --')
  .description('Attacks a daemon with hostile clients while valid ones compare every byte.')
  .option('--entries <number>', 'submission entries to write, 1e7 for instance', parseCount, ENTRIES_DEFAULT)
  .option('--seed <number>', 'repeats what a seed did before (default: random)', parseCount, randomSeed())
  .option('--json', 'print the results as JSON', false)
  .parse()
  .opts<Options>();

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
const progress = startProgress(process.stderr);
progress.show(`seed ${seed}`);
const result = await fuzz({
  entries,
  seed,
  isOver: () => interrupted.signal.aborted,
  onProgress: (submitted, perSecond) =>
    progress.show(`seed ${seed}: ${percent(submitted)}, ${submitted} entries, ${Math.round(perSecond)}/s`),
}).finally(() => progress.end());
process.stdout.write(json ? `${JSON.stringify(named(result), undefined, 2)}\n` : describe(result));
if (result.failures.length > 0 || interrupted.signal.aborted) process.exitCode = 1;

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new InvalidArgumentError('a whole number above 0');
}

function randomSeed(): number {
  return 1 + Math.floor(Math.random() * 0x7fff_ffff);
}

function percent(submitted: number): string {
  return `${Math.min(100, Math.floor((submitted / entries) * 100))} %`;
}

/** With the names of codes instead of their numbers. */
function named(result: FuzzResult): FuzzResult {
  return {
    ...result,
    completions: nameCounts(result.completions),
  };
}

function nameCounts(counts: Counts): Counts {
  const named: Record<string, number> = {};
  for (const [number, count] of Object.entries(counts)) {
    const name = nameOf(Number(number));
    named[name] = (named[name] ?? 0) + count;
  }
  return Object.fromEntries(Object.entries(named).sort(([, a], [, b]) => b - a));
}

/** A number that is none of ours was written by the process itself, over the daemon's. */
function nameOf(number: number): string {
  if (number === 0) return 'OK';
  const code = errorCode(number);
  return errorNumber(code) === number ? code : 'scribbled';
}

function describe(result: FuzzResult): string {
  const { completions, ends, modes, valid, failures, seconds, submitted } = named(result);
  const table = (title: string, counts: Counts): string[] => [
    title,
    ...Object.entries(counts).map(([name, count]) => `  ${String(count).padStart(10)}  ${name}`),
  ];
  return [
    `seed ${result.seed}: ${submitted} entries in ${seconds.toFixed(1)} s, ${Math.round(submitted / seconds)}/s`,
    `${result.hostileProcesses} hostile processes with ${result.hostileChannels} channels (${result.refusedTokens} tokens refused)`,
    `${valid.requests} requests of valid clients over ${valid.connections} connections compared`,
    `${result.workersLost} workers lost`,
    ...table('completions', completions),
    ...table('ends of channels', ends),
    ...table('entries by mode', modes),
    ...(failures.length === 0 ? ['all is well'] : ['FAILED', ...failures.map((failure) => `  ${failure}`)]),
    '',
  ].join('\n');
}
