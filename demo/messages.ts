// What the demo and its client processes tell each other.

/**
 * All clients take a step together, so that no step disturbs the time of another: a few files as a warm-up, all
 * through WarpDrive, all with node alone, comparing the two.
 */
export type Step = 'warm-up' | 'ours' | 'alone' | 'compare';

export type Task =
  | { readonly type: 'step'; readonly step: Step; readonly operation: string }
  | { readonly type: 'ping' };

export interface RoundTrips {
  readonly count: number;
  readonly minMicros: number;
  readonly medianMicros: number;
  readonly p99Micros: number;
}

export type Answer =
  | { readonly type: 'ready'; readonly files: number; readonly bytes: number }
  /** `ranOn`: how often each device did it; 'local' is the client itself, with node's own libraries. */
  | { readonly type: 'done'; readonly ranOn: Readonly<Record<string, number>> }
  | { readonly type: 'round-trips'; readonly roundTrips: RoundTrips }
  | { readonly type: 'failed'; readonly message: string };
