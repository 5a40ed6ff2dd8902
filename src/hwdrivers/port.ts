// A port: one hardware queue of a device with all that the engine needs around it. The driver knows the queue's
// format; the port knows how the queue is had (a worker process, an mdev's queue fd), what the device may reach
// (regions, sessions), and how to stop it.

import type { Fd } from '../sys/fd.ts';
import type { SessionParameters } from '../shared/operations.ts';
import type { HardwareQueue } from './driver.ts';

/** What a port tells its owner. */
export interface PortEvents {
  /** The device rang: there may be completions. */
  onWake(): void;
  /** The queue is up and serves (again). `libraries`: what does the work, by operation, where that varies. */
  onReady(libraries: ReadonlyMap<string, string>): void;
  /**
   * The queue is lost with all that it holds. Its last completions and `runningTag` can still be taken, during
   * this call only; the port brings a new queue up by itself, and the owner sends again what should run.
   */
  onLost(found: string): void;
  /** The queue can't be brought up; the port goes on trying, slower each time. */
  onFailed(found: string): void;
  /** Nobody wants the queue: the port has given it back, and takes one again when somebody does. */
  onIdle(): void;
}

export interface Port {
  readonly queue: HardwareQueue;
  /** The tag of the request that the device has begun but not completed; -1 if there is none. */
  runningTag(): number;
  /** Whether the device can't do anything at the moment, however long one waits: its process was stopped. */
  isStopped(): boolean;
  /** Asks the device to ring at its next completion; false if there is one already. */
  prepareSleep(): boolean;
  /**
   * Whether there are queues lent that the port is for. One that costs hardware takes it only then, and gives it back
   * once it holds no request; a port is not wanted at first.
   */
  setWanted(isWanted: boolean): void;
  /**
   * Makes memory reachable to the device under a handle, before the first request that names it. Resolves when that is
   * done, or can't be: then requests that name it get a code.
   */
  addRegion(handle: number, memory: Fd, bytes: number): Promise<void>;
  /** No request in flight names the handle any more. Nothing happens for one that was not added. */
  removeRegion(handle: number): void;
  addSession(handle: number, parameters: SessionParameters): void;
  removeSession(handle: number): void;
  /** Stops what runs and brings up a fresh queue; `onLost` follows. */
  reset(): void;
  /** Ends the port for good. */
  close(): Promise<void>;
}
