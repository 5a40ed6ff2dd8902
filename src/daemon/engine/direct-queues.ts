// Queues of channels that are hardware queues of the client's own. Their requests never pass here: what the engine knows
// is whose they are, so that they end with their channel, and which regions they reach. The custodian has lent them, and
// goes on with them when an engine dies; when the custodian dies, the kernel stops them.

import type { Logger } from 'pino';
import { present } from '../../shared/assert.ts';
import { WarpError } from '../../shared/errors.ts';
import type { AlgorithmName } from '../../shared/operations.ts';
import type { Fd } from '../../sys/fd.ts';
import type { CustodianHardware, CustodianLink } from './custodian-hardware.ts';
import { DIRECT_DEPTH } from './ledger-layout.ts';
import type { Lease } from './leases.ts';

export interface DirectQueue {
  readonly number: number;
  /** Name of the device. */
  readonly device: string;
  readonly algorithm: AlgorithmName;
}

/** The parts of a lease that are our business. */
type Owner = Pick<Lease, 'channel' | 'record' | 'regions' | 'direct'>;

/** As the custodian knows one. */
interface LoanName {
  readonly channel: number;
  readonly queue: number;
}

export class DirectQueues {
  readonly #hardware: CustodianHardware;
  readonly #log: Logger;

  constructor(hardware: CustodianHardware, log: Logger) {
    this.#hardware = hardware;
    this.#log = log;
  }

  /** Has one lent to the channel's tenant, waiting in line for it. The descriptor is the caller's. */
  async open(
    owner: Owner,
    queue: DirectQueue,
    waitMillis: number,
  ): Promise<{ readonly fd: Fd; readonly deviceApi: string }> {
    const { channel, direct, record } = owner;
    const { number, device } = queue;
    const name = { channel: channel.id, queue: number };
    const request = { ...name, device, tenant: channel.tenant.name, deadlineMillis: waitMillis };
    direct.set(number, queue);
    try {
      const { reply, fds } = await this.#link.callForFds('lendQueue', request);
      const fd = present(fds[0], 'the descriptor of the queue');
      if (direct.get(number) === queue) {
        record.setQueue({ ...queue, depth: DIRECT_DEPTH });
        return { fd, deviceApi: reply.deviceApi };
      }
      // Who took it back has told the custodian.
      fd.close();
      const found = 'it was taken back, or its channel has ended, before it was lent';
      throw new WarpError('CANCELLED', { operation: `open a direct queue on ${device}`, found });
    } catch (error) {
      if (direct.get(number) === queue) direct.delete(number);
      throw error;
    }
  }

  /** Its hardware queue is stopped, whoever holds it. False if there is no such queue. */
  close({ channel, direct, record }: Owner, number: number): boolean {
    if (!direct.delete(number)) return false;
    record.clearQueue(number);
    this.#end({ channel: channel.id, queue: number });
    return true;
  }

  /** Where the device of a queue sees a region. Throws NO_SUCH_QUEUE, NO_SUCH_REGION. */
  async mapRegion({ channel, direct, regions }: Owner, queue: number, number: number): Promise<number> {
    const operation = `map region ${number} for queue ${queue}`;
    const region = regions.get(number);
    if (!direct.has(queue)) throw new WarpError('NO_SUCH_QUEUE', { operation, found: 'no direct queue' });
    if (region === undefined) throw new WarpError('NO_SUCH_REGION', { operation });
    const { handle, memory, bytes } = region;
    const request = { channel: channel.id, queue, handle, bytes };
    return (await this.#link.call('mapForLoan', request, [memory])).address;
  }

  /** Resolves when no queue of the channel reaches a region any more. What they have in flight there is its client's affair. */
  async unmapRegion({ channel, direct }: Owner, handle: number): Promise<void> {
    for (const queue of direct.keys())
      await this.#quietly((link) => link.call('unmapForLoan', { channel: channel.id, queue, handle }));
  }

  /** Another custodian is there: the kernel has stopped all that the one before had lent. */
  drop(owners: Iterable<Owner>): void {
    for (const { channel, direct, record } of owners) {
      for (const { number: queue, device } of direct.values()) {
        record.clearQueue(queue);
        const named = { channel: channel.id, queue, tenant: channel.tenant.name, device };
        this.#log.warn(named, 'a direct queue ended with its custodian');
      }
      direct.clear();
    }
  }

  /** All channels were taken over from the engine before: what was lent to others ends, and what regions it had mapped that are gone. */
  keepOnly(owners: Iterable<Owner>): void {
    const known: (LoanName & { readonly regions: number[] })[] = [];
    for (const { channel, direct, regions } of owners) {
      // One that was being removed may still be mapped.
      const handles = [...regions.values()].map(({ handle }) => handle);
      for (const queue of direct.keys()) known.push({ channel: channel.id, queue, regions: handles });
    }
    void this.#quietly((link) => link.call('endOtherLoans', { known }));
  }

  #end(name: LoanName): void {
    void this.#quietly((link) => link.call('endLoan', name));
  }

  /** What a custodian that is gone has lent and mapped is gone with it. */
  async #quietly(act: (link: CustodianLink) => Promise<unknown>): Promise<void> {
    const { custodian } = this.#hardware;
    if (!custodian.isUp) return;
    const { link } = custodian;
    try {
      await act(link);
    } catch (error) {
      if (link.isOpen) this.#log.error({ err: error }, 'a direct queue could not be ended in order');
    }
  }

  /** Throws ENGINE_UNAVAILABLE while there is none. */
  get #link(): CustodianLink {
    return this.#hardware.custodian.link;
  }
}
