// What callers see of the daemon: devices, queues, tenants, counters. Looks only.

import { packageVersion } from '../../shared/package-files.ts';
import type { GivenResponse } from '../../shared/grpc.ts';
import type { Picture } from '../../shared/picture.ts';
import { Tally } from '../../shared/tally.ts';
import { type Account, resources } from './accounts.ts';
import { mayAdminister } from './caller.ts';
import type { Client } from './clients.ts';
import type { Connection } from './connections.ts';
import type { BrokerService } from './service.ts';

/** What the daemon as a whole tells of itself. */
type DaemonStatus = Omit<GivenResponse<'GetStatus'>, 'version' | 'tenant' | 'usage' | 'channels'>;

export class Overview {
  readonly #service: BrokerService;
  readonly #status: () => DaemonStatus;
  /** Questions to the engine that are under way, by what is asked: who asks the same meanwhile shares the answer. */
  readonly #asked = new Map<string, Promise<unknown>>();

  constructor(service: BrokerService, status: () => DaemonStatus) {
    this.#service = service;
    this.#status = status;
  }

  /** However many ask, the engine is asked once at a time: it answers between requests. */
  #ask<Answer>(question: string, ask: () => Promise<Answer>): Promise<Answer> {
    const underWay = this.#asked.get(question) as Promise<Answer> | undefined;
    if (underWay !== undefined) return underWay;
    const answer = ask().finally(() => this.#asked.delete(question));
    this.#asked.set(question, answer);
    return answer;
  }

  async listDevices(): Promise<GivenResponse<'ListDevices'>> {
    const { devices } = await this.#ask('status', async () =>
      (await this.#service.context.engine()).call('status', {}),
    );
    const states = {
      starting: 'DEVICE_STATE_STARTING',
      ready: 'DEVICE_STATE_READY',
      failed: 'DEVICE_STATE_FAILED',
      drained: 'DEVICE_STATE_DRAINED',
    } as const;
    return { devices: devices.map((device) => Object.assign({}, device, { state: states[device.state] })) };
  }

  getStatus({ caller }: Connection): GivenResponse<'GetStatus'> {
    const { account } = this.#service.context.tenants.payerFor(caller);
    return {
      ...this.#status(),
      version: packageVersion,
      channels: this.#service.clients.size,
      tenant: account.tenant,
      usage: usageOf(account),
    };
  }

  /** All to whom something is charged, with what they use of what they may. */
  listTenants(): { readonly name: string; readonly usage: ReturnType<typeof usageOf> }[] {
    const accounts = [...this.#service.context.tenants].map(({ account }) => account);
    const busy = accounts.filter(({ isIdle }) => !isIdle);
    return busy.map((account) => ({ name: account.tenant, usage: usageOf(account) }));
  }

  /** All counters, for whoever may see all tenants. */
  picture(): Promise<Picture> {
    return this.#ask('picture', async () => {
      const engine = await this.#service.context.engine();
      const { devices, loop } = await engine.call('status', {});
      const tenants: Picture['tenants'][number][] = [];
      const usage: Picture['usage'][number][] = [];
      for (let from = 0, isLast = false; !isLast; from = tenants.length) {
        const part = await engine.call('usage', { from });
        tenants.push(...part.tenants);
        usage.push(...part.usage);
        ({ isLast } = part);
      }
      const inLine = new Tally();
      for (const { tenant } of this.#service.admission.list()) inLine.add(tenant);
      return {
        usage,
        tenants,
        loop,
        accounts: this.listTenants().flatMap(({ name: tenant, usage: used }) =>
          used.map((one) => Object.assign({ tenant }, one)),
        ),
        refusals: this.#service.audit.refusals.list(),
        waitingInLine: [...inLine].map(([tenant, count]) => ({ tenant, count })),
        devices: devices.map(({ name, state, hardwareQueues, queuesLent, inFlight, resets }) => ({
          device: name,
          isUp: state === 'ready',
          hardwareQueues,
          queuesLent,
          inFlight,
          resets,
        })),
      };
    });
  }

  async listQueues({ caller }: Connection): Promise<GivenResponse<'ListQueues'>> {
    const seesAll = mayAdminister(caller, this.#service.configuration);
    const isOwn = (client: Client | undefined): boolean => client?.user === caller.user;
    const { queues } = await this.#ask(`queues ${seesAll ? 'all' : caller.user}`, async () => {
      const own = [...this.#service.clients].filter(isOwn).map(({ id }) => id);
      return (await this.#service.context.engine()).call('queues', { channels: seesAll ? null : own });
    });
    const pidOf = (channel: number): number => this.#service.clients.find(channel)?.owner.pid ?? 0;
    const waiting = this.#service.admission
      .list()
      .filter(({ channel }) => seesAll || isOwn(this.#service.clients.find(channel)));
    return {
      queues: queues.map((queue) => Object.assign({}, queue, { pid: pidOf(queue.channel) })),
      waiting,
    };
  }
}

function usageOf(account: Account) {
  return resources.map((resource) => ({
    resource,
    used: account.used(resource),
    limit: account.limits[resource],
  }));
}
