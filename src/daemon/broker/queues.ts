// Queues of channels: shared ones, and direct ones, whose hardware queue is the client's own. Which device serves one is
// chosen by queue-choice.ts; who has as many as it may waits in line (admission.ts).

import type { z } from 'zod';
import { WarpError } from '../../shared/errors.ts';
import type { GivenResponse, ReceivedRequest } from '../../shared/grpc.ts';
import type { Fd } from '../../sys/fd.ts';
import type { engineContract } from '../contracts.ts';
import type { Charge } from './accounts.ts';
import type { Patience } from './admission.ts';
import { type Client, giveBack, Leased, takeNumber } from './clients.ts';
import type { Connection } from './connections.ts';
import type { EngineLink } from './lending.ts';
import { type Choice, chooseQueue, firstInService } from './queue-choice.ts';
import type { BrokerService } from './service.ts';
import type { Payer } from './tenant-book.ts';
import { Turns } from './turns.ts';

/** A queue by the client's number for it, which is taken and paid for. */
interface Numbered {
  readonly client: Client;
  readonly queue: number;
  readonly lent: Leased;
}

type Granted = Pick<GivenResponse<'RequestQueue'>, 'device' | 'token' | 'queueFormat'>;

export class Queues {
  readonly #service: BrokerService;
  /** By tenant: calls that wait for hardware must not take all places on the link. */
  readonly #directTurns = new Turns();

  constructor(service: BrokerService) {
    this.#service = service;
  }

  async request(
    connection: Connection,
    request: ReceivedRequest<'RequestQueue'>,
    signal: AbortSignal,
  ): Promise<GivenResponse<'RequestQueue'>> {
    const operation = `request a queue for "${request.algorithm}"`;
    const { client } = await this.#service.client(connection, request.channel, operation);
    const payer = this.#service.context.tenants.named(client.account.tenant);
    const choice = this.#choose(request, client, payer, operation);
    const millis = Math.min(request.waitMillis, payer.limits.wait_millis);
    const endMillis = performance.now() + millis;
    const charge = await this.#charge(client, choice, { millis, signal });
    // It may have waited: the engine may be another one, and the channel may have ended.
    const { engine, numbered } = await this.#number(client, charge, operation);
    const { queue, lent } = numbered;
    const granted = await this.#service.lending.lend(
      engine,
      () =>
        choice.isDirect
          ? this.#openDirect(engine, numbered, choice, { endMillis, signal })
          : openShared(engine, numbered, choice),
      () => giveBack(client.queues, queue, lent),
      (next) => next.call('closeQueue', { channel: client.id, queue }),
    );
    const { algorithm, depth, isDirect } = choice;
    const { device } = granted;
    this.#service.audit.note(client, 'queue granted', { queue, device, algorithm, depth, isDirect });
    return { queue, depth, requestBytesMax: payer.limits.request_bytes, ...granted };
  }

  #choose(
    request: ReceivedRequest<'RequestQueue'>,
    { slots, held }: Client,
    payer: Payer,
    operation: string,
  ): Choice {
    const { devices, configuration } = this.#service;
    const direct = [...devices.keys()].filter((name) => configuration.devices[name]?.direct === true);
    return chooseQueue(request, { devices, direct, slots, isHeld: held !== undefined }, payer, operation);
  }

  #charge(
    { id: channel, owner, account }: Client,
    { algorithm }: Choice,
    patience: Patience,
  ): Promise<Charge> {
    const waiter = { channel, pid: owner.pid, uid: owner.uid, algorithm };
    return this.#service.admission.chargeQueue(account, waiter, patience);
  }

  /** Gives what is paid for a number; the charge is given back if there can be none. */
  async #number(
    client: Client,
    charge: Charge,
    operation: string,
  ): Promise<{ readonly engine: EngineLink; readonly numbered: Numbered }> {
    try {
      const engine = await this.#service.context.engine();
      if (this.#service.clients.find(client.id) !== client)
        throw new WarpError('NO_SUCH_CHANNEL', { operation });
      const queue = client.freeQueueNumber();
      const lent = new Leased(charge);
      client.queues.set(queue, lent);
      return { engine, numbered: { client, queue, lent } };
    } catch (error) {
      charge.release();
      throw error;
    }
  }

  /** Has the hardware queue of a device lent whole, in its tenant's turn. */
  #openDirect(
    engine: EngineLink,
    { client, queue }: Numbered,
    { devices, algorithm }: Choice,
    { endMillis, signal }: { readonly endMillis: number; readonly signal: AbortSignal },
  ): Promise<Granted> {
    const { id: channel, owner, account } = client;
    return firstInService(devices, (device) =>
      this.#directTurns.take(account.tenant, signal, async () => {
        const waitMillis = Math.max(0, Math.ceil(endMillis - performance.now()));
        const wanted = { channel, queue, device, algorithm, waitMillis };
        const { reply, fds } = await openDirectQueue(engine, wanted, signal);
        return {
          device,
          token: this.#service.context.tokens.offer(owner, fds),
          queueFormat: reply.deviceApi,
        };
      }),
    );
  }

  async mapRegion(
    connection: Connection,
    { channel, queue, region }: ReceivedRequest<'MapRegion'>,
  ): Promise<GivenResponse<'MapRegion'>> {
    const operation = `map region ${region} for queue ${queue}`;
    const { client, engine } = await this.#service.client(connection, channel, operation);
    if (!client.queues.has(queue)) throw new WarpError('NO_SUCH_QUEUE', { operation });
    if (!client.regions.has(region)) throw new WarpError('NO_SUCH_REGION', { operation });
    return engine.call('mapRegion', { channel, queue, region });
  }

  async release(
    connection: Connection,
    { channel, queue }: ReceivedRequest<'ReleaseQueue'>,
  ): Promise<Record<string, never>> {
    const operation = `release queue ${queue}`;
    const { client, engine } = await this.#service.client(connection, channel, operation);
    takeNumber(client.queues, queue, 'NO_SUCH_QUEUE', operation).release();
    await this.#service.lending.takeBack(engine, (at) => at.call('closeQueue', { channel, queue }));
    this.#service.audit.note(client, 'queue released', { queue });
    return {};
  }

  /** An administrator has taken one back. */
  takenBack(channel: number, queue: number): void {
    const client = this.#service.clients.find(channel);
    const leased = client?.queues.get(queue);
    if (client === undefined || leased === undefined) return;
    giveBack(client.queues, queue, leased);
    this.#service.audit.note(client, 'queue taken back', { queue });
  }
}

function openShared(
  engine: EngineLink,
  { client, queue }: Numbered,
  { devices, algorithm, depth }: Choice,
): Promise<Granted> {
  return firstInService(devices, async (device) => {
    await engine.call('openQueue', { channel: client.id, queue, device, algorithm, depth });
    return { device };
  });
}

/** Who gives up waits no longer, wherever the call is. */
async function openDirectQueue(
  engine: EngineLink,
  wanted: z.infer<(typeof engineContract)['openDirectQueue']['request']>,
  signal: AbortSignal,
): Promise<{ readonly reply: { readonly deviceApi: string }; readonly fds: readonly Fd[] }> {
  const { channel, queue } = wanted;
  // What comes too late to be given up is undone by whoever has it.
  const giveUp = (): void => void engine.call('closeQueue', { channel, queue }).catch(() => {});
  signal.addEventListener('abort', giveUp);
  try {
    return await engine.callForFds('openDirectQueue', wanted);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}
