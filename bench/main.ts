// npm run bench: measures us against yardsticks, which run in the same call on the same machine, and prints both.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command as Program, InvalidArgumentError } from 'commander';
import { type Daemon, type DaemonKind, startDaemon, startInstalled } from './daemon.ts';
import { crowdGroups } from './figures/crowd.ts';
import { fairnessGroup } from './figures/fairness.ts';
import type { Group, Place } from './figures/figure.ts';
import { grpcGroups } from './figures/grpc.ts';
import { spinningGroup, wakingGroup } from './figures/latency.ts';
import { rateGroup } from './figures/rate.ts';
import { restartGroup } from './figures/restart.ts';
import { throughputGroups } from './figures/throughput.ts';
import { describeHost } from './host.ts';
import { failedResult, measureGroup, type Result } from './measure.ts';
import { compileYardstick } from './programs.ts';
import { startProgress } from './progress.ts';
import { readRecorded, worseThan } from './recorded.ts';
import { formatJson, formatTable } from './report.ts';
import { measureScale } from './scale.ts';

const groups: readonly Group[] = [
  spinningGroup,
  rateGroup,
  wakingGroup,
  ...throughputGroups,
  ...grpcGroups,
  ...crowdGroups,
  restartGroup,
  fairnessGroup,
];
const figureNames = groups.flatMap(({ figures }) => figures.map(({ name }) => name));

const SCALE = 'scale';
/** How often a figure that seems worse than recorded is measured before that is believed. */
const TRIES = 5;
const ROUNDS_DEFAULT = 7;
const ROUNDS_SHORT = 3;
const SHORT_SCALE = 0.3;

interface Options {
  readonly json?: string;
  readonly only?: readonly string[];
  readonly rounds?: number;
  readonly short: boolean;
  readonly svg?: string;
  readonly check: boolean;
  readonly against?: string;
  readonly installed: boolean;
}

const program = new Program('npm run bench --')
  .description('Measures WarpDrive against yardsticks that run in the same call.')
  .addHelpText('after', `\nFigures: ${figureNames.join(', ')}`)
  .argument(
    '[what]',
    `figures, as --only; or "${SCALE}": what 1 to 10,000 idle neighbours cost`,
    (text: string) => (text === SCALE ? SCALE : parseNames(text)),
  )
  .option('--json <file>', 'also write the results to a file, as JSON')
  .option(
    '--only <figures>',
    'measure these only, separated by commas; or all that begin with a name and "_"',
    parseNames,
  )
  .option('--rounds <number>', `rounds of each (default: ${ROUNDS_DEFAULT})`, parseRounds)
  .option('--short', `fewer rounds (${ROUNDS_SHORT}) of shorter turns`, false)
  .option(
    '--svg <file>',
    'draw the shares of "fairness" over time, or what "scale" has measured, into a file',
  )
  .option('--check', 'end with 1 where a bar is missed', false)
  .option(
    '--against <file>',
    `measure the figures whose ratios are in a file; end with 1 where one is 25 % worse ${TRIES} times`,
  )
  .option(
    '--installed',
    'measure the service of this host, whose configuration is replaced; as root, and figures of one daemon at a time',
    false,
  )
  .parse();
const options = program.opts<Options>();
const [what] = program.processedArgs as [typeof SCALE | readonly string[] | undefined];

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
try {
  if (what === SCALE) await showScale(options);
  else if (options.against !== undefined) await compare(options, options.against);
  else checkAll(await showFigures(what === undefined ? options : { ...options, only: what }));
} catch (error) {
  if (!interrupted.signal.aborted) throw error;
  process.stderr.write('bench: interrupted\n');
  process.exitCode = 1;
}

/** What else runs on the machine comes and goes: what was only slow once is no worse. */
async function compare(chosen: Options, path: string): Promise<void> {
  const recorded = readRecorded(path);
  let names = parseNames(Object.keys(recorded).join(','));
  for (let tries = 1; names.length > 0; tries++) {
    const worse = worseThan(recorded, await showFigures({ ...chosen, only: names }));
    names = [...worse.keys()];
    for (const line of worse.values()) process.stdout.write(`worse: ${line}\n`);
    if (tries < TRIES || names.length === 0) continue;
    process.exitCode = 1;
    return;
  }
}

async function showFigures(chosen: Options): Promise<Result[]> {
  const host = describeHost();
  const results = await measure(chosen, interrupted.signal);
  process.stdout.write(formatTable(results, { host, isColoured: process.stdout.isTTY }));
  if (chosen.json !== undefined) writeFileSync(chosen.json, formatJson(results, host));
  for (const { name, error } of results)
    if (error !== undefined) process.stderr.write(`bench: ${name} was not measured: ${error}\n`);
  return results;
}

/** Fails where a figure could not be measured, and where one misses its bar if that was asked for. */
function checkAll(results: readonly Result[]): void {
  const isBad = ({ error, pass }: Result): boolean =>
    error !== undefined || (options.check && pass === false);
  if (results.some(isBad)) process.exitCode = 1;
}

async function showScale({ svg, json }: Options): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'warpdrive-bench-'));
  const progress = startProgress(process.stderr);
  try {
    const { signal } = interrupted;
    const table = await measureScale({ folder, svg, json, signal, progress: (text) => progress.show(text) });
    progress.end();
    process.stdout.write(table);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function parseNames(text: string): string[] {
  const chosen = text.split(',').map((name) => ({
    name,
    figures: figureNames.includes(name)
      ? [name]
      : figureNames.filter((figure) => figure.startsWith(`${name}_`)),
  }));
  const unknown = chosen.find(({ figures }) => figures.length === 0)?.name;
  if (unknown === undefined) return chosen.flatMap(({ figures }) => figures);
  throw new InvalidArgumentError(`"${unknown}" is none of ${figureNames.join(', ')}`);
}

function parseRounds(text: string): number {
  const rounds = Number(text);
  if (Number.isInteger(rounds) && rounds >= 1 && rounds <= 1000) return rounds;
  throw new InvalidArgumentError('a whole number from 1 to 1000');
}

/** Measures what was asked for; whatever it started has ended when it returns or throws. */
async function measure(
  { only, rounds, short, svg, installed }: Options,
  signal: AbortSignal,
): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'warpdrive-bench-'));
  const daemons = new Map<DaemonKind, Promise<Daemon>>();
  const progress = startProgress(process.stderr);
  const place: Place = {
    picturePath: svg === undefined ? undefined : resolve(svg),
    runtimeDir: async (kind) => {
      const daemon = daemons.get(kind) ?? (installed ? startInstalled(kind) : startDaemon(kind, folder));
      daemons.set(kind, daemon);
      return (await daemon).runtimeDir;
    },
    compile: (name) => compileYardstick(name, folder),
  };
  try {
    // Up during all rounds, those of yardsticks that run alone too.
    if (!installed) await place.runtimeDir('auto');
    const results: Result[] = [];
    for (const group of groups) {
      const figures = group.figures.filter(({ name }) => only?.includes(name) ?? true);
      if (figures.length === 0) continue;
      const measured = measureGroup(group, figures, {
        rounds: rounds ?? (short ? ROUNDS_SHORT : ROUNDS_DEFAULT),
        scale: short ? SHORT_SCALE : 1,
        place,
        signal,
        progress: (text) => progress.show(text),
      });
      // What the others have measured is not lost with it.
      const failed = ({ message }: Error): Result[] => figures.map((figure) => failedResult(figure, message));
      results.push(...(await measured.catch(failed)));
      signal.throwIfAborted();
    }
    return results;
  } finally {
    progress.end();
    const started = await Promise.allSettled(daemons.values());
    await Promise.all(started.map(async (outcome) => outcome.status === 'fulfilled' && outcome.value.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}
