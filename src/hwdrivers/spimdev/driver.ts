// What a user driver of SPIMDEV queues is, beyond the four calls.

import type { Driver, HardwareQueue } from '../driver.ts';
import type { SpimdevTransport } from './transport.ts';

export interface SpimdevQueue extends HardwareQueue {
  /** The tag of the request that the device runs, or runs next; -1 if it holds none. */
  runningTag(): number;
  /** Whether `recv` would find one. */
  hasCompletion(): boolean;
}

export interface SpimdevDriver extends Driver<SpimdevTransport, SpimdevQueue> {
  /** Size of region 1 of a queue: its format has no place that says so. */
  readonly memoryBytes: number;
  /** Input of its largest request, and output: the device takes no more. */
  readonly requestBytesMax: number;
}
