// Who owns the device: the custodian, to the engine. It takes hardware queues and maps memory, which needs privileges
// that a port has not.

import type { Fd } from '../../sys/fd.ts';

export interface TakenQueue {
  /** The host's number for it. */
  readonly id: number;
  /** The caller owns it. */
  readonly fd: Fd;
  readonly deviceApi: string;
  /** Whether the kernel can stop it while others hold it. */
  readonly isStoppable: boolean;
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
   * Makes memory reachable by the device; the device's address of its beginning. The memory stays the caller's. Rejects
   * with ENGINE_UNAVAILABLE if the host is lost meanwhile: `onRenewed` follows.
   */
  mapMemory(memory: Fd, bytes: number): Promise<number>;
  /** Resolves when the device can't reach it any more. */
  unmapMemory(address: number): Promise<void>;
  /** Calls back each time when the host was lost and is there again: nothing that it had mapped is. */
  onRenewed(listener: () => void): void;
}
