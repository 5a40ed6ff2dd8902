// What an administrator can set for a soft device, and the messages by which its worker is told of memory and
// keys. Both sides of the control socket import this file.

export const softBackends = ['auto', 'libisal', 'libdeflate', 'node'] as const;
export type SoftBackend = (typeof softBackends)[number];

/** Faults that the device makes on purpose, for tests. Rates are probabilities, 0 to 1. */
export interface SoftFaults {
  readonly delay_millis: number;
  readonly error_rate: number;
  readonly hang_rate: number;
  readonly crash_rate: number;
}

export interface SoftOptions {
  readonly backend: SoftBackend;
  /** The largest input or output of a request, bytes: what a worker's private buffers grow to at most. */
  readonly requestBytesMax: number;
  readonly faults: SoftFaults;
}

/** Regions in one message: a worker that is started again is told of thousands. */
export const REGIONS_PER_MESSAGE_MAX = 64;

/** One message on a worker's control socket; an `add-regions` carries the memories' descriptors, in order. */
export type ControlMessage =
  | { readonly type: 'add-regions'; readonly handles: readonly number[]; readonly bytes: readonly number[] }
  | { readonly type: 'remove-region'; readonly handle: number }
  | { readonly type: 'add-session'; readonly handle: number; readonly level: number; readonly key: string }
  | { readonly type: 'remove-session'; readonly handle: number };

/** Descriptors that a worker inherits, after stdin, stdout and stderr. */
export const WORKER_CONTROL_FD = 3;
export const WORKER_DOORBELL_FD = 4;
export const WORKER_CHANNEL_FD = 5;
