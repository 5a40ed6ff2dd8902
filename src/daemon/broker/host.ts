// What the kernel lets one process have, of which all tenants together use a part: descriptors and mappings. Refusing early
// fails one call with a message; running out would fail whoever comes next, anywhere.
//
// Not counted is what the custodian maps for direct queues: those are lent to few, by name.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WarpError } from '../../shared/errors.ts';
import type { Configuration } from '../config/schema.ts';

/** A mapping with the inaccessible pages on both sides, and one without. */
const GUARDED = 3;
const BARE = 1;
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

/** What is lent. Held: to a client without shared memory, whose end of the channel the broker has. */
type Lent = 'channel' | 'region' | 'held channel' | 'held region';

/** What one of them takes of each thing that a process can run out of. */
interface Cost {
  /** Of the engine, and of the custodian. */
  readonly descriptors: number;
  /** Mappings, by the process. */
  readonly engine: number;
  readonly broker: number;
  readonly custodian: number;
  /** Each soft worker. */
  readonly worker: number;
}

const supplies = ['descriptors', 'engine', 'broker', 'custodian', 'worker'] as const;

function costsOf({ devices }: Pick<Configuration, 'devices'>): Readonly<Record<Lent, Cost>> {
  const hardware = Object.values(devices).filter(({ driver }) => driver === 'spimdev');
  const copying = hardware.filter((device) => device.allow_noiommu);
  // The memory and the doorbell.
  const channel = { descriptors: 2, engine: BARE, broker: 0, custodian: 0, worker: 0 };
  const region = {
    descriptors: 1,
    engine: BARE * copying.length,
    broker: 0,
    custodian: GUARDED * hardware.length,
    worker: GUARDED,
  };
  return {
    channel,
    region,
    'held channel': { ...channel, broker: GUARDED },
    'held region': { ...region, broker: GUARDED },
  };
}

export class Host {
  readonly #limits: HostLimits;
  #costs: Readonly<Record<Lent, Cost>>;
  readonly #counts: Record<Lent, number> = {
    channel: 0,
    region: 0,
    'held channel': 0,
    'held region': 0,
  };

  constructor(limits: HostLimits, configuration: Pick<Configuration, 'devices'>) {
    this.#limits = limits;
    this.#costs = costsOf(configuration);
  }

  /** Other devices may map what is lent already. */
  configure(configuration: Pick<Configuration, 'devices'>): void {
    this.#costs = costsOf(configuration);
  }

  /** Counts one more, or throws QUOTA_EXCEEDED. Release what it returns once. */
  take(lent: Lent): { release(): void } {
    for (const supply of supplies) this.#check(lent, supply);
    return this.adopt(lent);
  }

  /** The same for one that is there already. */
  adopt(lent: Lent): { release(): void } {
    this.#counts[lent] += 1;
    return { release: () => (this.#counts[lent] -= 1) };
  }

  #check(lent: Lent, supply: keyof Cost): void {
    const more = this.#costs[lent][supply];
    let used = 0;
    for (const each of Object.keys(this.#counts) as Lent[])
      used += this.#counts[each] * this.#costs[each][supply];
    const limit = supply === 'descriptors' ? this.#limits.descriptors : this.#limits.mappings;
    if (more === 0 || used + more <= limit - SPARE) return;
    const operation = lent.endsWith('channel') ? 'open a channel' : 'share a region';
    if (supply === 'descriptors') {
      throw new WarpError('QUOTA_EXCEEDED', {
        operation,
        found: `the daemon may have ${limit} descriptors, and all its tenants use ${used}`,
        hint: 'raise the limit of open files of the daemon (LimitNOFILE=, "ulimit -n")',
      });
    }
    throw new WarpError('QUOTA_EXCEEDED', {
      operation,
      found: `a process may have ${limit} mappings, and all tenants use ${used} in the ${supply}`,
      hint: 'raise it ("sysctl vm.max_map_count")',
    });
  }
}
