// The methods of the Admin service: what an administrator sees and does, for all tenants.

import { setTimeout as sleep } from 'node:timers/promises';
import { WarpError } from '../../shared/errors.ts';
import type { GivenResponse, ReceivedRequest } from '../../shared/grpc.ts';
import { type Caller, requireAdministrator } from './caller.ts';
import type { Connection } from './connections.ts';
import type { Overview } from './overview.ts';
import type { Queues } from './queues.ts';
import type { BrokerService, CustodianLink } from './service.ts';

/** How long a device may take to finish what it holds before the caller is told, milliseconds. */
const DRAIN_MILLIS_MAX = 10_000;
const DRAIN_POLL_MILLIS = 10;

export class AdminService {
  readonly #service: BrokerService;
  readonly #queues: Queues;
  readonly #overview: Overview;
  readonly #custodian: () => Promise<CustodianLink>;

  constructor(
    service: BrokerService,
    queues: Queues,
    overview: Overview,
    custodian: () => Promise<CustodianLink>,
  ) {
    this.#service = service;
    this.#queues = queues;
    this.#overview = overview;
    this.#custodian = custodian;
  }

  #check(caller: Caller, operation: string): void {
    requireAdministrator(caller, this.#service.configuration, operation);
  }

  listDevices({ caller }: Connection): Promise<GivenResponse<'Admin/ListDevices'>> {
    this.#check(caller, 'list the devices');
    return this.#overview.listDevices();
  }

  async listMdevs({ caller }: Connection): Promise<GivenResponse<'Admin/ListMdevs'>> {
    this.#check(caller, 'list the mediated devices');
    return (await this.#custodian()).call('mdevs', {});
  }

  listTenants({ caller }: Connection): GivenResponse<'Admin/ListTenants'> {
    this.#check(caller, 'list the tenants');
    return { tenants: this.#overview.listTenants() };
  }

  listQueues(connection: Connection): Promise<GivenResponse<'Admin/ListQueues'>> {
    this.#check(connection.caller, 'list the queues');
    return this.#overview.listQueues(connection);
  }

  async drainDevice(
    { caller }: Connection,
    { device, undo }: ReceivedRequest<'Admin/DrainDevice'>,
  ): Promise<GivenResponse<'Admin/DrainDevice'>> {
    const operation = `drain device "${device}"`;
    this.#check(caller, operation);
    const devices = [...this.#service.devices.keys()];
    if (!devices.includes(device)) {
      const found = `no device "${device}"; there are ${devices.join(', ')}`;
      throw new WarpError('NO_SUCH_DEVICE', { operation, found });
    }
    this.#service.audit.noteDevice(caller, undo ? 'device in use again' : 'device drained', device);
    await (await this.#service.context.engine()).call('setDrained', { device, isDrained: !undo });
    if (undo) {
      this.#service.drained.delete(device);
      return { queues: 0 };
    }
    this.#service.drained.add(device);
    return { queues: await this.#takeQueuesBack(device, operation) };
  }

  async #takeQueuesBack(device: string, operation: string): Promise<number> {
    const endMillis = performance.now() + DRAIN_MILLIS_MAX;
    for (let taken = 0; ; ) {
      const engine = await this.#service.context.engine();
      const { queues, queuesLent, inFlight } = await engine.call('takeQueuesBack', { device });
      for (const { channel, queue } of queues) this.#queues.takenBack(channel, queue);
      taken += queues.length;
      if (queuesLent === 0 && inFlight === 0) return taken;
      if (performance.now() > endMillis) {
        const found = `${inFlight} requests are still in it; it stays out of use`;
        throw new WarpError('DEADLINE_EXCEEDED', { operation, found, hint: 'look again, or drain it again' });
      }
      await sleep(DRAIN_POLL_MILLIS);
    }
  }

  async revokeLease(
    { caller }: Connection,
    { channel, queue, graceMillis }: ReceivedRequest<'Admin/RevokeLease'>,
  ): Promise<GivenResponse<'Admin/RevokeLease'>> {
    const what = queue === 0 ? `channel ${channel}` : `queue ${queue} of channel ${channel}`;
    const operation = `take back ${what}`;
    this.#check(caller, operation);
    const engine = await this.#service.context.engine();
    const client = this.#service.clients.find(channel);
    if (client === undefined) throw new WarpError('NO_SUCH_CHANNEL', { operation });
    if (queue !== 0 && !client.queues.has(queue)) throw new WarpError('NO_SUCH_QUEUE', { operation });
    this.#service.audit.note(client, 'lease revoked', {
      queue,
      graceMillis,
      byUid: caller.process.uid,
      byPid: caller.process.pid,
    });
    if (queue === 0) {
      await engine.call('closeChannel', { channel, reason: 'REVOKED', graceMillis });
    } else {
      await engine.call('closeQueue', { channel, queue });
      this.#queues.takenBack(channel, queue);
    }
    return {};
  }

  async reload(
    { caller }: Connection,
    { dryRun }: ReceivedRequest<'Admin/Reload'>,
  ): Promise<GivenResponse<'Admin/Reload'>> {
    this.#check(caller, 'reload the configuration');
    const { uid, pid } = caller.process;
    return (await this.#custodian()).call('reload', { isDry: dryRun, uid, pid });
  }
}
