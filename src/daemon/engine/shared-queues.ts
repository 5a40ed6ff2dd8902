// Queues of channels that the scheduler serves, with what waits in them: given, taken back, and moved to another device when
// theirs is out of service. Those that are hardware queues of the client's own are in direct-queues.ts.

import type { Logger } from 'pino';
import { assert } from '../../shared/assert.ts';
import { errorNumber } from '../../shared/errors.ts';
import { type AlgorithmName, algorithmIndex } from '../../shared/operations.ts';
import type { Device } from './device.ts';
import type { Engine } from './engine.ts';
import type { Lease } from './leases.ts';
import { Queue } from './queue.ts';

const CANCELLED = errorNumber('CANCELLED');
const DEVICE_UNAVAILABLE = errorNumber('DEVICE_UNAVAILABLE');

interface QueueGrant {
  readonly number: number;
  readonly device: Device;
  readonly algorithm: AlgorithmName;
  readonly depth: number;
}

/** The parts of a lease that are our business. */
type Owner = Pick<Lease, 'channel' | 'record' | 'regions' | 'reached'>;

export class SharedQueues {
  readonly #engine: Engine;
  readonly #log: Logger;

  constructor(engine: Engine, log: Logger) {
    this.#engine = engine;
    this.#log = log;
  }

  /** Resolves when requests in it can name the channel's regions. */
  async open(owner: Owner, grant: QueueGrant): Promise<void> {
    assert(owner.channel.queues[grant.number] === undefined, 'the broker gives free queue numbers');
    const reached = this.restore(owner, grant);
    // It may sleep without being rung by this channel, whose devices all had enough to do until now.
    this.#engine.wake();
    owner.record.setQueue({ ...grant, device: grant.device.name });
    await reached;
  }

  /** The same for one that the ledger has. */
  restore(owner: Owner, { number, device, algorithm, depth }: QueueGrant): Promise<unknown> {
    const { channel } = owner;
    const named = { name: algorithm, index: algorithmIndex(algorithm) };
    channel.queues[number] = new Queue(channel, number, device, device.flowOf(channel.tenant), named, depth);
    device.lend();
    return this.#reach(owner, device);
  }

  #reach({ reached, regions }: Owner, device: Device): Promise<unknown> {
    if (!device.description.reachesOnDemand || reached.has(device)) return Promise.resolve();
    reached.add(device);
    return Promise.all(
      [...regions.values()].map(({ handle, memory, bytes }) => device.addRegion(handle, memory, bytes)),
    );
  }

  /**
   * Requests that their client gives up: those that no device holds complete as CANCELLED. `cookie` tells a request
   * from a later one in the same slot. What was not taken yet carries the flag that says the same.
   */
  cancel({ channel }: Owner, requests: readonly { readonly slot: number; readonly cookie: number }[]): void {
    const given = new Map<Queue, Set<number>>();
    for (const { slot, cookie } of requests) {
      const queue = channel.waitingQueue(slot, cookie);
      if (queue !== undefined) given.set(queue, (given.get(queue) ?? new Set()).add(slot));
    }
    for (const [queue, slots] of given) queue.device.cancel(queue, slots, CANCELLED);
    if (given.size > 0) this.#engine.wake();
  }

  /** Takes a queue back. `status`: what becomes of the requests that wait in it; what a device holds completes. */
  close({ channel, record }: Owner, number: number, status: number): void {
    const queue = channel.queues[number];
    if (queue === undefined) return;
    queue.device.withdraw(queue, status);
    queue.device.takeBack();
    channel.queues[queue.number] = undefined;
    record.clearQueue(queue.number);
  }

  /**
   * A device is out of service: each of its queues gets a place on another one that offers the same and that its tenant
   * may use. Where there is none, what waits completes with a code, and what comes too, until the device is back.
   */
  leaveDevice(device: Device, owners: Iterable<Owner>): void {
    for (const owner of owners) {
      for (const queue of owner.channel.queues) if (queue?.device === device) this.#moveQueue(queue, owner);
    }
    // Requests that were in the device when their queue moved.
    for (let queue = device.scheduler.next(); queue !== undefined; queue = device.scheduler.next()) {
      if (queue.successor === undefined) device.withdraw(queue, DEVICE_UNAVAILABLE);
      device.scheduler.remove(queue);
      if (queue.successor !== undefined) queue.moveWaitingTo(queue.successor);
    }
    this.#engine.wake();
  }

  #moveQueue(queue: Queue, owner: Owner): void {
    const { channel, number, device, algorithm, algorithmIndex: index, depth } = queue;
    const { devices: allowed } = channel.tenant.limits;
    const next = this.#engine.devices.find(
      (other) =>
        other.state !== 'failed' &&
        !other.isDrained &&
        other.description.algorithms.includes(algorithm) &&
        (allowed?.includes(other.name) ?? true),
    );
    if (next === undefined) {
      device.withdraw(queue, DEVICE_UNAVAILABLE);
      return;
    }
    device.scheduler.remove(queue);
    const named = { name: algorithm, index };
    const successor = new Queue(channel, number, next, next.flowOf(channel.tenant), named, depth);
    channel.queues[number] = successor;
    queue.successor = successor;
    device.takeBack();
    next.lend();
    // What comes before it is done waits.
    void this.#reach(owner, next);
    owner.record.setQueue({ number, device: next.name, algorithm, depth });
    queue.moveWaitingTo(successor);
    this.#log.warn(
      { channel: channel.id, queue: number, tenant: channel.tenant.name, from: device.name, to: next.name },
      'queue moved',
    );
  }
}
