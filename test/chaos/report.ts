// A run's outcome, for people.

import type { Verdict } from './checker.ts';
import type { Struck } from './killer.ts';
import { describeStrike } from './schedule.ts';

export interface Report extends Omit<Verdict, 'tally'> {
  readonly seed: number;
  readonly seconds: number;
  readonly clients: number;
  readonly strikes: readonly { readonly atMillis: number; readonly what: string; readonly victims: number }[];
  readonly requests: number;
  readonly inPlace: number;
  readonly codes: Readonly<Record<string, number>>;
  readonly megabytesCompared: number;
  readonly calls: number;
  readonly callsRefused: number;
  readonly channels: number;
  readonly channelsPoisoned: number;
}

export function makeReport(
  run: {
    readonly seed: number;
    readonly seconds: number;
    readonly clients: number;
    readonly startMillis: number;
  },
  struck: readonly Struck[],
  { tally, ...verdict }: Verdict,
): Report {
  const { startMillis, ...options } = run;
  const { requests, inPlace, codes, bytesCompared, calls, callsRefused, channels, poisoned } = tally;
  return {
    ...options,
    ...verdict,
    strikes: struck.map(({ strike, fromMillis, victims }) => ({
      atMillis: fromMillis - startMillis,
      what: describeStrike(strike),
      victims: victims.length,
    })),
    requests,
    inPlace,
    codes,
    megabytesCompared: Math.round(bytesCompared / 1e6),
    calls,
    callsRefused,
    channels,
    channelsPoisoned: poisoned,
  };
}

export function formatReport(report: Report): string {
  const { found, codes } = report;
  const pairs = (record: Readonly<Record<string, number>>): string =>
    Object.entries(record)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  const kinds: Record<string, number> = {};
  for (const { what } of report.strikes) kinds[what] = (kinds[what] ?? 0) + 1;
  const lines = [
    `${report.strikes.length} strikes in ${report.seconds} s: ${pairs(kinds)}`,
    `${report.requests} requests of ${report.clients} clients (${report.inPlace} in place), each completed once: ${pairs(codes)}`,
    `${report.megabytesCompared} MB compared; ${report.channels} channels opened; ${report.calls} control calls, ${report.callsRefused} refused`,
    `in flight at the deaths of engines, by their log: ${pairs({ ...found })}`,
    `INTERRUPTED, maybe run: ${report.lossesCounted} that engines counted, ${report.lossesOfChannels} while custodian and engine were away together (${report.freshStarts} fresh starts)`,
    ...report.defects.map((defect) => `DEFECT: ${defect}`),
    `seed ${report.seed}: ${report.defects.length === 0 ? 'nothing was lost' : 'FAILED'}`,
  ];
  return `${lines.join('\n')}\n`;
}
