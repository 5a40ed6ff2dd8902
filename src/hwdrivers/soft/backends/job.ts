// What the executor is handed and hands back. Both objects are made once and reused for every request.

import type { OperationName } from '../../../shared/operations.ts';

export interface Job {
  operation: OperationName;
  /** 0 to 9, in sessions of the kind 'level'. */
  level: number;
  /** In sessions of the kind 'key'. */
  key: Buffer | undefined;
  /** Views on SHARED memory, which a hostile client may be writing meanwhile; empty where the operation has none. */
  source: Buffer;
  auxiliary: Buffer;
  destination: Buffer;
  /** The 64 private bytes of the slot's parameter area. Results, such as a GCM tag, are written back to it. */
  parameters: Buffer;
}

export interface Outcome {
  /** 0, or the number of an error code. */
  status: number;
  /** Bytes written to the destination; for `compare` the offset of the first difference. */
  produced: number;
  result: number;
}

export type BackendName = 'libisal' | 'libdeflate' | 'node';

/** Does one operation: reads the job, writes the outcome, which says "done, nothing produced" before. */
export type Handler = (job: Job, outcome: Outcome) => void;
