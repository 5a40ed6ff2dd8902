// What the kernel lets one process have, of which all tenants together use a part: descriptors (the engine and the
// custodian hold some for each channel and region) and mappings (the engine maps each channel, each soft worker each
// region). Refusing early fails one call with a message; running out would fail whoever comes next, anywhere.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WarpError } from '../../shared/errors.ts';

/** Memory and doorbell. */
const CHANNEL_DESCRIPTORS = 2;
const REGION_DESCRIPTORS = 1;
/** The memory and the inaccessible page on both sides. */
const MAPPINGS_EACH = 3;
/** For everything else that a process has. */
const SPARE = 1_024;
/** The kernel's default of vm.max_map_count. */
const MAPPINGS_MAX_DEFAULT = 65_530;

export interface HostLimits {
  /** Descriptors of one process. */
  readonly descriptors: number;
  /** Mappings of one process. */
  readonly mappings: number;
}

/** As the kernel tells them. `root`: where the host's file system begins. */
export function readHostLimits(root = '/'): HostLimits {
  const limits = readFileSync(join(root, 'proc/self/limits'), 'utf8');
  const [, descriptors] = /^Max open files +(\d+)/m.exec(limits) ?? [];
  let mappings = MAPPINGS_MAX_DEFAULT;
  try {
    mappings = Number(readFileSync(join(root, 'proc/sys/vm/max_map_count'), 'utf8'));
  } catch {
    // Hidden from a sandboxed process.
  }
  return {
    descriptors: descriptors === undefined ? Number.POSITIVE_INFINITY : Number(descriptors),
    mappings,
  };
}

export class Host {
  readonly #limits: HostLimits;
  #channels = 0;
  #regions = 0;

  constructor(limits: HostLimits) {
    this.#limits = limits;
  }

  /** Counts one more channel, or throws QUOTA_EXCEEDED. Release what it returns once. */
  takeChannel(): { release(): void } {
    this.#check('open a channel', CHANNEL_DESCRIPTORS, this.#channels);
    return this.adoptChannel();
  }

  /** The same for one that is there already. */
  adoptChannel(): { release(): void } {
    this.#channels += 1;
    return { release: () => (this.#channels -= 1) };
  }

  takeRegion(): { release(): void } {
    this.#check('share a region', REGION_DESCRIPTORS, this.#regions);
    return this.adoptRegion();
  }

  adoptRegion(): { release(): void } {
    this.#regions += 1;
    return { release: () => (this.#regions -= 1) };
  }

  #check(operation: string, more: number, alike: number): void {
    const used = this.#channels * CHANNEL_DESCRIPTORS + this.#regions * REGION_DESCRIPTORS;
    const { descriptors, mappings } = this.#limits;
    if (used + more > descriptors - SPARE) {
      throw new WarpError('QUOTA_EXCEEDED', {
        operation,
        found: `the daemon may have ${descriptors} descriptors, and all its tenants use ${used}`,
        hint: 'raise the limit of open files of the daemon (LimitNOFILE=, "ulimit -n")',
      });
    }
    if ((alike + 1) * MAPPINGS_EACH > mappings - SPARE) {
      throw new WarpError('QUOTA_EXCEEDED', {
        operation,
        found: `a process may have ${mappings} mappings, and all tenants use ${alike * MAPPINGS_EACH}`,
        hint: 'raise it ("sysctl vm.max_map_count")',
      });
    }
  }
}
