// Judges a run by three accounts that know nothing of each other: what was struck, what the daemon logged, what the
// clients have seen.
//
// Where custodian and engine were away together nobody was left who had the channels: then, and only then, they may be
// lost, with all that was in flight.

import type { Loss, Tally } from './messages.ts';
import type { Struck } from './killer.ts';

export interface LogLine {
  readonly time: number;
  readonly name: string;
  readonly msg: string;
  readonly [key: string]: unknown;
}

/** What engines found in the channels of those before them, requests. */
interface Found {
  queued: number;
  rerun: number;
  interrupted: number;
  unreaped: number;
  poisoned: number;
}

export interface Verdict {
  readonly found: Found;
  readonly tally: Tally;
  /** Engines that began with nothing, since custodian and engine were away together. */
  readonly freshStarts: number;
  /** INTERRUPTED, maybe: those the engines counted, and those of channels that were lost as a whole. */
  readonly lossesCounted: number;
  readonly lossesOfChannels: number;
  readonly defects: readonly string[];
}

interface Period {
  readonly fromMillis: number;
  readonly tillMillis: number;
}

const WENT_ON = 'went on where the engine before died';
const ENGINE_READY = 'engine ready';
const VAULT_FULL = 'the custodian has all descriptors again';
const POISONED = 'a request was running at two crashes of the engine: its channel ends';
const PORT_LOST = 'a hardware queue was lost';
/** A log line is written this much before or after what it tells can be seen, milliseconds. */
const SLACK_MILLIS = 100;

/** Complete lines only: the last one may still be on its way. */
export function parseLog(text: string): LogLine[] {
  return text
    .split('\n')
    .slice(0, -1)
    .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as LogLine] : []));
}

/** Whether the custodian that serves now has been given all descriptors, the one before having died at some moment. */
export function isVaultFull(log: readonly LogLine[], sinceMillis: number): boolean {
  return log.some(({ time, msg }) => time >= sinceMillis && (msg === VAULT_FULL || msg === ENGINE_READY));
}

/** The states, of those that a run has to meet, in which no request was when an engine died. */
export function statesMissed(log: readonly LogLine[]): string[] {
  const { poisoned: _, ...found } = foundIn(log);
  return Object.entries(found).flatMap(([state, count]) => (count === 0 ? [state] : []));
}

function foundIn(log: readonly LogLine[]): Found {
  const found: Found = { queued: 0, rerun: 0, interrupted: 0, unreaped: 0, poisoned: 0 };
  for (const line of log.filter(({ msg }) => msg === WENT_ON)) {
    for (const key of Object.keys(found) as (keyof Found)[]) found[key] += Number(line[key]);
  }
  return found;
}

export function judge(
  struck: readonly Struck[],
  log: readonly LogLine[],
  tallies: readonly Tally[],
): Verdict {
  const tally = addTallies(tallies);
  const defects: string[] = [];
  const found = foundIn(log);
  const blackouts = findBlackouts(struck, log);
  const isExcused = (millis: number): boolean => blackouts.some((period) => contains(period, millis));

  for (const line of log.filter(({ msg }) => msg === WENT_ON)) {
    if (Number(line['lost']) > 0 && !isExcused(line.time))
      defects.push(`an engine lost ${String(line['lost'])} channels though the custodian was there`);
  }
  const isAbout = (line: LogLine, other: LogLine): boolean =>
    line['pid'] === other['pid'] && other.msg === WENT_ON;
  const engineStrikes = struck.filter(({ victims }) => victims.some(({ target }) => target === 'engine'));
  // A standby that was struck while it took over has not said how far it had come.
  const silenced = engineStrikes
    .filter(({ victims }) => victims.some(({ target }) => target === 'engine-standby'))
    .map(({ fromMillis, tillMillis }) => ({ fromMillis, tillMillis: tillMillis + SLACK_MILLIS }));
  const fresh = log
    .filter(({ msg }) => msg === ENGINE_READY)
    .slice(1)
    .filter((line) => !log.some((other) => isAbout(line, other)))
    .filter(({ time }) => !silenced.some((period) => contains(period, time)));
  for (const { time } of fresh)
    if (!isExcused(time)) defects.push('an engine began with nothing though the custodian was there');

  const unexplained = tally.losses.filter((loss) => !engineStrikes.some((strike) => spans(loss, strike)));
  if (unexplained.length > 0)
    defects.push(`${unexplained.length} requests INTERRUPTED that were in flight at no engine's death`);
  const ofChannels = tally.losses.filter((loss) => blackouts.some((period) => spans(loss, period)));
  const counted = tally.losses.filter(
    (loss) => !ofChannels.includes(loss) && !silenced.some((strike) => spans(loss, strike)),
  ).length;
  if (counted > found.interrupted)
    defects.push(`${counted} requests INTERRUPTED; the engines interrupted ${found.interrupted}`);

  const poisonLines = log.filter(({ msg }) => msg === POISONED).length;
  if (tally.poisoned > poisonLines)
    defects.push(`${tally.poisoned} channels POISONED; the engines ended ${poisonLines}`);

  const resets = tally.codes['DEVICE_RESET'] ?? 0;
  const portsLost = log.filter(({ msg }) => msg === PORT_LOST).length;
  const workersStruck = struck.flatMap(({ victims }) => victims.filter(({ target }) => target === 'worker'));
  if (resets > portsLost) defects.push(`${resets} requests DEVICE_RESET at ${portsLost} deaths of workers`);
  if (portsLost > workersStruck.length)
    defects.push(`${portsLost} workers died, ${workersStruck.length} were struck`);

  for (const state of statesMissed(log))
    defects.push(`no engine died while a request was in flight that is "${state}" then`);
  for (const line of log.filter(({ level }) => Number(level) >= 60))
    defects.push(`the ${line.name} logged "${line.msg}"`);
  return {
    found,
    tally,
    freshStarts: fresh.length,
    lossesCounted: counted,
    lossesOfChannels: ofChannels.length,
    defects,
  };
}

/** When custodian and engine were away together: neither had what the other needs. */
function findBlackouts(struck: readonly Struck[], log: readonly LogLine[]): Period[] {
  const engines = absences(struck, log, 'engine', [ENGINE_READY]);
  const custodians = absences(struck, log, 'custodian', [VAULT_FULL, ENGINE_READY]);
  return engines.flatMap((engine) =>
    custodians
      .filter((custodian) => overlap(engine, custodian))
      .map((custodian) => ({
        fromMillis: Math.min(engine.fromMillis, custodian.fromMillis),
        tillMillis: Math.max(engine.tillMillis, custodian.tillMillis),
      })),
  );
}

/** From each strike at a role until a message says that all is well again. */
function absences(
  struck: readonly Struck[],
  log: readonly LogLine[],
  role: 'engine' | 'custodian',
  endings: readonly string[],
): Period[] {
  return struck
    .filter(({ victims }) => victims.some(({ target }) => target === role))
    .map(({ fromMillis, tillMillis }) => {
      const end = log.find(({ time, msg }) => time >= tillMillis && endings.includes(msg));
      return { fromMillis, tillMillis: (end?.time ?? Number.POSITIVE_INFINITY) + SLACK_MILLIS };
    });
}

function overlap(a: Period, b: Period): boolean {
  return a.fromMillis <= b.tillMillis && b.fromMillis <= a.tillMillis;
}

function contains({ fromMillis, tillMillis }: Period, millis: number): boolean {
  return fromMillis <= millis && millis <= tillMillis;
}

function spans({ sentMillis, completedMillis }: Loss, { fromMillis, tillMillis }: Period): boolean {
  return sentMillis <= tillMillis && completedMillis >= fromMillis;
}

function addTallies(tallies: readonly Tally[]): Tally {
  const sum: Tally = {
    requests: 0,
    inPlace: 0,
    codes: {},
    losses: tallies.flatMap(({ losses }) => losses),
    bytesCompared: 0,
    calls: 0,
    callsRefused: 0,
    channels: 0,
    poisoned: 0,
  };
  const counts = [
    'requests',
    'inPlace',
    'bytesCompared',
    'calls',
    'callsRefused',
    'channels',
    'poisoned',
  ] as const;
  for (const tally of tallies) {
    for (const key of counts) sum[key] += tally[key];
    for (const [code, count] of Object.entries(tally.codes)) sum.codes[code] = (sum.codes[code] ?? 0) + count;
  }
  return sum;
}
