// Who owns the device: the custodian, to the engine. It takes hardware queues and maps memory, which needs privileges
// that a port has not.

import type { Fd } from '../../sys/fd.ts';

/** Pinned memory, all that a queue may reach of a device that could reach everything: see bounce-pool.ts. */
export interface BounceMemory {
  /** The caller owns it. */
  readonly memory: Fd;
  readonly bytes: number;
  /** Physical. */
  readonly address: number;
}

export interface TakenQueue {
  /** The host's number for it. */
  readonly id: number;
  /** The caller owns it. */
  readonly fd: Fd;
  readonly deviceApi: string;
  /** Whether the kernel can stop it while others hold it. */
  readonly isStoppable: boolean;
  /** Where the device reaches nothing else: requests have to be copied. */
  readonly bounce?: BounceMemory;
}

export interface SpimdevHost {
  /** Rejects with why the device can't be used. */
  check(): Promise<void>;
  /**
   * Takes a hardware queue. While there is none left, waits in line, for as long as it takes or up to a deadline: then
   * throws NO_HARDWARE_QUEUE.
   */
  takeQueue(options?: { readonly deadlineMillis: number }): Promise<TakenQueue>;
  /** Gives a hardware queue back: it is stopped for whoever still holds its descriptor. */
  returnQueue(id: number): Promise<void>;
  /**
   * Makes memory reachable by the device; the device's address of its beginning, or undefined where requests have to be
   * copied: then nothing is mapped. The memory stays the caller's. Rejects with ENGINE_UNAVAILABLE if the host is lost
   * meanwhile: `onRenewed` follows.
   */
  mapMemory(memory: Fd, bytes: number): Promise<number | undefined>;
  /** Resolves when the device can't reach it any more. */
  unmapMemory(address: number): Promise<void>;
  /** Calls back each time when the host was lost and is there again: nothing that it had mapped is. */
  onRenewed(listener: () => void): void;
}
