// All counters of the daemon at one time: what the broker shows as Prometheus text and as JSON, and warpctl reads.

/** Waits and gaps are counted by powers of two of microseconds: bucket i holds those below 2^i, the last one all that are longer. */
export const WAIT_BUCKETS = 26;

/** Upper bounds of all buckets but the last, seconds. */
export const waitBoundsSeconds: readonly number[] = Array.from(
  { length: WAIT_BUCKETS - 1 },
  (_, index) => 2 ** index / 1e6,
);

/** What a tenant has had of a device. */
export interface UsageCounts {
  readonly requests: number;
  /** Of the requests, those that ended with an error. */
  readonly failed: number;
  /** Input and output together. */
  readonly bytes: number;
  readonly deviceNanos: number;
  readonly waitMillis: number;
  /** How many requests waited for less than each of `waitBoundsSeconds`, and not less than the one before; then the rest. */
  readonly waits: readonly number[];
}

export interface Picture {
  readonly usage: readonly (UsageCounts & { readonly tenant: string; readonly device: string })[];
  readonly accounts: readonly {
    readonly tenant: string;
    readonly resource: string;
    readonly used: number;
    readonly limit: number;
  }[];
  readonly tenants: readonly {
    readonly tenant: string;
    readonly weight: number;
    readonly inFlight: number;
  }[];
  readonly refusals: readonly {
    readonly tenant: string;
    readonly code: string;
    /** The limit that was reached, where it was one; else empty. */
    readonly limit: string;
    readonly count: number;
  }[];
  readonly waitingInLine: readonly { readonly tenant: string; readonly count: number }[];
  readonly devices: readonly {
    readonly device: string;
    readonly isUp: boolean;
    readonly hardwareQueues: number;
    readonly queuesLent: number;
    readonly inFlight: number;
    readonly resets: number;
  }[];
  /** The engine's loop: how long it left channels that were awake unvisited, in all, and how often how long, as `waits`. */
  readonly loop: { readonly gapMillis: number; readonly gaps: readonly number[] };
}

/** Where the picture is on the socket for metrics. */
export const METRICS_PATH = '/metrics';
export const PICTURE_PATH = '/picture';
