// Schedulers with one thing wrong each. A bar that they pass as well would prove nothing.

import { Scheduler } from '../../src/daemon/engine/scheduler.ts';
import type { SimulatedQueue } from './simulation.ts';

/** Every request counts the same, however long it runs. */
export class CountingScheduler extends Scheduler<SimulatedQueue> {
  constructor() {
    super(() => 1);
  }

  override dispatched(queue: SimulatedQueue, _costNanos: number, hasMore: boolean): void {
    super.dispatched(queue, 1, hasMore);
  }

  override settle(): void {}
}

/** Serves who has had least, not whose request ends first: everybody has a turn before a newcomer's second request. */
export class TurnScheduler extends Scheduler<SimulatedQueue> {
  constructor() {
    super(() => 0);
  }
}

/** Forgets a debt when its flow has nothing to send. */
export class ForgetfulScheduler extends Scheduler<SimulatedQueue> {
  override remove(queue: SimulatedQueue): void {
    super.remove(queue);
    if (queue.flow.heapIndex === -1) queue.flow.startNanos = 0;
  }
}
