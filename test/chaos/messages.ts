// What the chaos program and its clients tell each other. Times are those of Date.now(), which the daemon's log has too.

/** A request that was lost and may have run. */
export interface Loss {
  readonly sentMillis: number;
  readonly completedMillis: number;
}

/** What a client has done and seen, all that it checked having been right. */
export interface Tally {
  /** Requests sent through the channel by `send` and by `submit`; each was completed exactly once. */
  requests: number;
  /** Those that were to overwrite their own input. */
  inPlace: number;
  /** How many ended with each code. */
  codes: Record<string, number>;
  /** INTERRUPTED with `ran: 'maybe'`. */
  losses: Loss[];
  bytesCompared: number;
  /** gRPC control calls that were answered, and those that could not be at that moment. */
  calls: number;
  callsRefused: number;
  channels: number;
  /** Channels that the daemon ended since one of their requests had been running at two crashes. */
  poisoned: number;
}

export type ClientMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'progress'; readonly requests: number }
  | { readonly type: 'done'; readonly tally: Tally }
  | { readonly type: 'failed'; readonly message: string };

/**
 * `hold`: leave completions in the channels of tardy programs, since something is about to die; `go on` when all is
 * well again. `finish`: let what is in flight complete, give everything back, tell the tally and end.
 */
export interface ChaosMessage {
  readonly type: 'hold' | 'go on' | 'finish';
}
