// Which library serves what.
//
// 'auto' takes, for each level, the fastest whose output is at most 1.02 times zlib's at the same level. The table
// is measured, by bench/backends.ts (libisal 2.30, libdeflate 1.14, the zlib of Node 20.20, x86-64), on machine code,
// English text and TypeScript sources, in blocks of 4, 16 and 64 KiB, each of which has to keep to that bound.

import { assert } from '../../../shared/assert.ts';
import { LEVEL_MAX, LEVEL_MIN } from '../../../shared/operations.ts';
import { hasLibrary, requireLibrary } from '../native.ts';
import type { BackendName } from './job.ts';
import { ISAL_LEVEL_MAX, ISAL_LEVEL_MIN } from './libisal.ts';

export type BackendOption = 'auto' | BackendName;

export interface Choice {
  readonly backend: BackendName;
  /** In the library's own counting. */
  readonly level: number;
}

interface AutoRow {
  /** Level of ISA-L, which goes before libdeflate wherever it is good enough. */
  readonly libisal?: number;
  readonly libdeflate: number;
  /** The larger outputs relative to zlib's, over the blocks measured: ISA-L, libdeflate. */
  readonly worst: string;
}

/**
 * Rows are zlib's levels 0 to 9. Level 0 is "stored", which ISA-L doesn't offer. From level 7 on
 * libdeflate's 5 is just too large (1.022).
 */
const autoLevels: readonly AutoRow[] = [
  { libdeflate: 0, worst: '1.000' },
  { libisal: 2, libdeflate: 1, worst: '1.010, 0.993' },
  { libisal: 3, libdeflate: 1, worst: '1.011, 1.000' },
  { libdeflate: 1, worst: '1.011' },
  { libdeflate: 3, worst: '1.007' },
  { libdeflate: 5, worst: '1.005' },
  { libdeflate: 5, worst: '1.016' },
  { libdeflate: 6, worst: '1.005' },
  { libdeflate: 6, worst: '1.007' },
  { libdeflate: 6, worst: '1.007' },
];

/**
 * Decompression gives the same everywhere: speed alone decides. ISA-L's call is the shorter one, libdeflate's loop
 * the faster: they meet at about this many bytes of compressed input.
 */
const SMALL_STREAM_BYTES = 16 * 1024;
const autoDecompression = {
  small: ['libisal', 'libdeflate', 'node'],
  large: ['libdeflate', 'libisal', 'node'],
} as const satisfies Record<string, readonly BackendName[]>;

/** Who does the work on this host, for each level and size of input. */
export class Plan {
  readonly #compression: readonly Choice[];
  readonly #smallDecompression: BackendName;
  readonly #largeDecompression: BackendName;

  /** Throws CONFIG_INVALID if `option` is a library that the host lacks. */
  constructor(option: BackendOption) {
    if (option === 'libisal' || option === 'libdeflate') requireLibrary(option);
    const levels = Array.from({ length: LEVEL_MAX - LEVEL_MIN + 1 }, (_, index) => LEVEL_MIN + index);
    const isAuto = option === 'auto';
    this.#compression = levels.map((level) => (isAuto ? autoChoice(level) : forcedChoice(option, level)));
    this.#smallDecompression = isAuto ? firstThere(autoDecompression.small) : option;
    this.#largeDecompression = isAuto ? firstThere(autoDecompression.large) : option;
  }

  compression(level: number): Choice {
    const choice = this.#compression[level];
    assert(choice !== undefined, `${level} is a level`);
    return choice;
  }

  /** `bytes`: of the compressed input. */
  decompression(bytes: number): BackendName {
    return bytes < SMALL_STREAM_BYTES ? this.#smallDecompression : this.#largeDecompression;
  }
}

function autoChoice(level: number): Choice {
  const row = autoLevels[level];
  assert(row !== undefined, `level ${level} has a row`);
  if (row.libisal !== undefined && hasLibrary('libisal')) return { backend: 'libisal', level: row.libisal };
  if (hasLibrary('libdeflate')) return { backend: 'libdeflate', level: row.libdeflate };
  return { backend: 'node', level };
}

/** libdeflate counts its levels as zlib does and has all of them; ISA-L has some. */
function forcedChoice(backend: BackendName, level: number): Choice {
  const isServed = backend !== 'libisal' || (level >= ISAL_LEVEL_MIN && level <= ISAL_LEVEL_MAX);
  return { backend: isServed ? backend : 'node', level };
}

function firstThere(candidates: readonly BackendName[]): BackendName {
  return candidates.find((name) => name === 'node' || hasLibrary(name)) ?? 'node';
}
