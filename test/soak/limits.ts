// How much a process may have grown: descriptors and mappings of shared memory not at all.

import type { Usage } from '../fixtures/usage.ts';

/**
 * Bytes. Node's heap breathes: with the semi-spaces of a megabyte that the daemon runs with here, by some megabytes, as
 * old objects wait for a collection. In 10,000 rounds a leak of 1.7 KB in each is more than this.
 */
const OWN_BYTES_MAX = 16 * 1024 * 1024;
/** Bytes. Pages of the ledger's directory stay, 8 bytes for each record that was ever in use at once. */
const SHARED_BYTES_MAX = 1024 * 1024;

/** Chunks of the heap that V8 maps and unmaps as it breathes. */
const ALL_MAPPINGS_MAX = 150;

/** What has grown, in words; empty if nothing has. */
export function growth(before: Usage, after: Usage): string[] {
  const grown: string[] = [];
  for (const kind of new Set([...before.descriptors.keys(), ...after.descriptors.keys()])) {
    const [from, to] = [before.descriptors.get(kind) ?? 0, after.descriptors.get(kind) ?? 0];
    if (to > from) grown.push(`descriptors of ${kind}: ${from} -> ${to}`);
  }
  if (after.mappings > before.mappings)
    grown.push(`mappings of shared memory: ${before.mappings} -> ${after.mappings}`);
  if (after.allMappings - before.allMappings > ALL_MAPPINGS_MAX)
    grown.push(`mappings: ${before.allMappings} -> ${after.allMappings}`);
  const check = (what: string, from: number, to: number, max: number): void => {
    if (to - from > max) grown.push(`${what}: ${mebibytes(from)} -> ${mebibytes(to)} MiB`);
  };
  check('its own memory', before.ownBytes, after.ownBytes, OWN_BYTES_MAX);
  check('shared memory', before.sharedBytes, after.sharedBytes, SHARED_BYTES_MAX);
  return grown;
}

export function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
