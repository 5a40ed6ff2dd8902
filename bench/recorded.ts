// Whether figures have become worse than they once were. The file holds the ratio of each figure that is compared, as it
// usually is on a machine with neighbours: {"gzip_64k": 2.8}.

import { readFileSync } from 'node:fs';
import type { Result } from './measure.ts';

/** So much worse is no noise any more. */
const WORSE_SHARE = 0.25;

export type Recorded = Readonly<Record<string, number>>;

export function readRecorded(path: string): Recorded {
  return JSON.parse(readFileSync(path, 'utf8')) as Recorded;
}

/** Figures that are worse than they were, with what to print. */
export function worseThan(recorded: Recorded, results: readonly Result[]): Map<string, string> {
  const worse = new Map<string, string>();
  for (const { name, ratio, better } of results) {
    const before = recorded[name];
    if (before === undefined) continue;
    const limit = better === 'lower' ? before * (1 + WORSE_SHARE) : before * (1 - WORSE_SHARE);
    const isWorse = ratio === null || (better === 'lower' ? ratio > limit : ratio < limit);
    if (isWorse) worse.set(name, `${name}: ${ratio?.toFixed(2) ?? 'nothing'}, recorded was ${before}`);
  }
  return worse;
}
