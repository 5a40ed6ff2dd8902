// The methods of the Admin service: what an administrator sees and does, for all tenants.

import { setTimeout as sleep } from 'node:timers/promises';
import { WarpError } from '../../shared/errors.ts';
import type { GivenResponse, ReceivedRequest } from '../../shared/grpc.ts';
import { requireAdministrator } from './caller.ts';
import type { Connection } from './connections.ts';
import type { BrokerService, EngineLink } from './service.ts';

/** How long a device may take to finish what it holds before the caller is told, milliseconds. */
const DRAIN_MILLIS_MAX = 10_000;
const DRAIN_POLL_MILLIS = 10;

export interface AdminContext {
  readonly devices: ReadonlySet<string>;
  engine(): Promise<EngineLink>;
}

export class AdminService {
  readonly #service: BrokerService;
  readonly #context: AdminContext;

  constructor(service: BrokerService, context: AdminContext) {
    this.#service = service;
    this.#context = context;
  }

  listDevices({ caller }: Connection): Promise<GivenResponse<'Admin/ListDevices'>> {
    requireAdministrator(caller, 'list the devices');
    return this.#service.listDevices();
  }

  listMdevs({ caller }: Connection): GivenResponse<'Admin/ListMdevs'> {
    requireAdministrator(caller, 'list the mediated devices');
    return { mdevs: [] };
  }

  listTenants({ caller }: Connection): GivenResponse<'Admin/ListTenants'> {
    requireAdministrator(caller, 'list the tenants');
    return this.#service.listTenants();
  }

  listQueues(connection: Connection): Promise<GivenResponse<'Admin/ListQueues'>> {
    requireAdministrator(connection.caller, 'list the queues');
    return this.#service.listQueues(connection);
  }

  async drainDevice(
    { caller }: Connection,
    { device, undo }: ReceivedRequest<'Admin/DrainDevice'>,
  ): Promise<GivenResponse<'Admin/DrainDevice'>> {
    const operation = `drain device "${device}"`;
    requireAdministrator(caller, operation);
    const { devices } = this.#context;
    if (!devices.has(device)) {
      const found = `no device "${device}"; there are ${[...devices].join(', ')}`;
      throw new WarpError('NO_SUCH_DEVICE', { operation, found });
    }
    this.#service.auditDevice(caller, undo ? 'device in use again' : 'device drained', device);
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
      const engine = await this.#context.engine();
      const { queues, queuesLent, inFlight } = await engine.call('takeQueuesBack', { device });
      for (const { channel, queue } of queues) this.#service.queueTakenBack(channel, queue);
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
    { channel, queue }: ReceivedRequest<'Admin/RevokeLease'>,
  ): Promise<GivenResponse<'Admin/RevokeLease'>> {
    const what = queue === 0 ? `channel ${channel}` : `queue ${queue} of channel ${channel}`;
    const operation = `take back ${what}`;
    requireAdministrator(caller, operation);
    const engine = await this.#context.engine();
    const client = this.#service.clients.find(channel);
    if (client === undefined) throw new WarpError('NO_SUCH_CHANNEL', { operation });
    if (queue !== 0 && !client.queues.has(queue)) throw new WarpError('NO_SUCH_QUEUE', { operation });
    this.#service.audit(client, 'lease revoked', {
      queue,
      byUid: caller.process.uid,
      byPid: caller.process.pid,
    });
    if (queue === 0) {
      await engine.call('closeChannel', { channel, reason: 'REVOKED' });
    } else {
      await engine.call('closeQueue', { channel, queue });
      this.#service.queueTakenBack(channel, queue);
    }
    return {};
  }

  reload({ caller }: Connection): never {
    requireAdministrator(caller, 'reload the configuration');
    throw new WarpError('UNSUPPORTED', {
      operation: 'reload the configuration',
      found: 'this daemon reads its configuration when it starts, and only then',
      hint: 'start the daemon again; "warpdrived --check-config FILE" checks the file before',
    });
  }
}
