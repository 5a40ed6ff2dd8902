// What a user driver is: four calls on a hardware queue, and what the driver is matched by.
//
//     transport --open--> HardwareQueue --send--> device
//                                       <--recv--
//
// A driver knows the format of a queue and nothing of tenants, sockets or sysfs. How a queue's memory, doorbell
// and descriptors are had is the business of its transport, which the opener passes in. The same driver serves
// shared queues in the engine and direct queues in the SDK. Adding a driver touches one folder and one line of
// the table in drivers.ts.

import { C_STATUS, COMPLETION_WORDS, PARAMETER_WORDS, REQUEST_WORDS } from '../shared/channel/layout.ts';
import type { AlgorithmName } from '../shared/operations.ts';

/** Words of a request as a driver gets it, and where in them its parameters begin. */
export const ROW_WORDS = REQUEST_WORDS + PARAMETER_WORDS;
export const ROW_PARAMETERS = REQUEST_WORDS;

/**
 * What `send` answers: the device has taken the request; it has no room now; it has completed it already; it can't reach
 * all memory yet that the request names, and its port rings when that may have changed.
 */
export const SEND_TAKEN = 0;
export const SEND_FULL = 1;
export const SEND_DONE = 2;
export const SEND_PENDING = 3;

/** Completes a request that the device is not to see, with an error number or 0: what `send` answers then. */
export function completeAtOnce(completion: Int32Array, status: number): number {
  completion.fill(0, 0, COMPLETION_WORDS);
  completion[C_STATUS] = status;
  return SEND_DONE;
}

/**
 * One queue of the device. Nothing here allocates, waits or throws for a reason that lies in a request.
 *
 * A request is a row of ROW_WORDS words: a channel's request and then its parameters (shared/channel/layout.ts), validated,
 * in which the numbers of regions and sessions are the device's own handles for them.
 */
export interface HardwareQueue {
  /** Requests that the queue holds at most; tags are below it. */
  readonly depth: number;

  /**
   * Hands one request to the device. `tag`, free and below `depth`, comes back with its completion. A device that
   * completes a request while it takes it answers SEND_DONE and has written `completion`, as `recv` would.
   */
  send(rows: Int32Array, base: number, tag: number, completion: Int32Array): number;

  /**
   * Takes the next completion, if there is one: writes COMPLETION_WORDS words in the format of a channel's
   * completion, its `slot` being the tag. Where the operation has results beside (a GCM tag), they follow as the
   * words of the parameter area: `completion` has room for COMPLETION_WORDS + PARAMETER_WORDS.
   */
  recv(completion: Int32Array): boolean;

  /** Lets go of the hardware queue: it is stopped before anybody else gets it. Idempotent. */
  close(): void;
}

export interface Driver<Transport, Queue extends HardwareQueue = HardwareQueue> {
  /** The `device_api` strings, or names of built-in devices, that the driver serves. */
  readonly deviceApis: readonly string[];
  readonly algorithms: readonly AlgorithmName[];
  open(transport: Transport): Queue;
}
