// npm run test:chaos: processes of a daemon are killed and stopped at random while clients work, and every byte,
// completion and loss is accounted for. Ends with 0 only if nothing was lost but what had to be.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { isVaultFull, judge, parseLog, statesMissed } from './checker.ts';
import { ChaosClients } from './clients.ts';
import { errorText } from './error-text.ts';
import { restartInstalled } from './installed.ts';
import { Killer, type Struck } from './killer.ts';
import { formatReport, makeReport, type Report } from './report.ts';
import { describeStrike, STRIKES_MAX, STRIKES_MIN, strikes } from './schedule.ts';
import { startSupervised, type Victim } from './victim.ts';

/**
 * `slow0` keeps requests started, and others queued behind them, whenever something dies. Workers die by our hand: that
 * neither takes a device out of service nor stops a tenant.
 */
const CONFIGURATION = `
[limits]
faults_slowed = 1_000_000
faults_stopped = 1_000_000
[devices.soft0]
driver = "soft"
queues = 2
failures_max = 0
[devices.slow0]
driver = "soft"
queues = 1
failures_max = 0
[devices.slow0.faults]
delay_millis = 10
`;
const WORKERS = 3;
/** For what the last clients had to be taken back. */
const EMPTY_MILLIS_MAX = 15_000;

interface Options {
  readonly seconds: number;
  readonly seed: number;
  readonly clients: number;
  readonly installed: boolean;
  readonly json: boolean;
}

const options = new Command('npm run test:chaos --')
  .description(
    'Kills and stops processes of a daemon at random while clients work, and accounts for everything.',
  )
  .option('--seconds <number>', 'how long', wholeNumber(5, 86_400), 60)
  .option('--seed <number>', 'what is struck and when (default: at random)', wholeNumber(0, 2 ** 32 - 1))
  .option('--clients <number>', 'client processes', wholeNumber(1, 16), 3)
  .option('--installed', 'the service of this host, whose configuration is replaced; as root', false)
  .option('--json', 'print the report as JSON', false)
  .parse()
  .opts<Options>();

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It takes a whole number from ${min} to ${max}.`);
  };
}

const CLEAR_LINE = '\r\u001b[2K';

/** A line on a terminal, rewritten; lines elsewhere. */
function show(text: string): void {
  process.stderr.write(
    process.stderr.isTTY ? `${CLEAR_LINE}${text.slice(0, process.stderr.columns - 1)}` : `${text}\n`,
  );
}

const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
process.stderr.write(`seed ${seed}\n`);
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => interrupted.abort(new Error('interrupted')));
const daemon = await (options.installed ? restartInstalled : startSupervised)(CONFIGURATION);
try {
  const report = await run(daemon);
  if (process.stderr.isTTY) process.stderr.write(CLEAR_LINE);
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : formatReport(report));
  if (report.defects.length > 0) fail();
} catch (error) {
  process.stderr.write(`\nchaos: ${errorText(error)}\n`);
  fail();
} finally {
  await daemon.stop();
}

function fail(): void {
  const path = join(tmpdir(), `warpdrive-chaos-${seed}.log`);
  writeFileSync(path, daemon.log());
  process.stderr.write(`seed ${seed} failed; the daemon's log is in ${path}\n`);
  process.exitCode = 1;
}

async function run({ supervisor, runtimeDir, log }: Victim): Promise<Report> {
  const named = { supervisor, runtimeDir, workers: WORKERS };
  const killer = new Killer(named, (since) => isVaultFull(parseLog(log()), since));
  const clients = await ChaosClients.start(runtimeDir, options.clients, seed);
  try {
    const startMillis = Date.now();
    const isEnough = (): boolean => statesMissed(parseLog(log())).length === 0;
    const struck = await strikeAll(killer, clients, startMillis, isEnough);
    show('waiting for the last requests');
    const tallies = await clients.finish();
    await killer.recovery();
    await killer.emptiness(EMPTY_MILLIS_MAX);
    const { seconds, clients: count } = options;
    const verdict = judge(struck, parseLog(log()), tallies);
    return makeReport({ seed, seconds, clients: count, startMillis }, struck, verdict);
  } finally {
    killer.close();
    await clients.kill();
  }
}

/**
 * Strikes until the time is up, and often enough however slow the machine is: until requests in all states were met. Then
 * waits for the recovery.
 */
async function strikeAll(
  killer: Killer,
  clients: ChaosClients,
  startMillis: number,
  isEnough: () => boolean,
): Promise<Struck[]> {
  const signal = AbortSignal.any([clients.failed, interrupted.signal]);
  const endMillis = startMillis + options.seconds * 1_000;
  const struck: Struck[] = [];
  for (const strike of strikes(seed)) {
    if (strike.isPatient) {
      await killer.recovery();
      clients.hold(false);
      await sleep(strike.pauseMillis);
      clients.hold(true);
    }
    await sleep(strike.pauseMillis);
    signal.throwIfAborted();
    const isLate = Date.now() > endMillis && struck.length >= STRIKES_MIN;
    if (isLate && (isEnough() || struck.length >= STRIKES_MAX)) break;
    const done = killer.strike(strike);
    struck.push(done);
    const at = ((done.fromMillis - startMillis) / 1_000).toFixed(1);
    show(`${at.padStart(5)} s  ${clients.requests} requests  ${describeStrike(strike)}`);
  }
  await killer.recovery();
  return struck;
}
