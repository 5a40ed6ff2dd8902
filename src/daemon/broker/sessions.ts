// Sessions of channels: parameters and keys, lent by the number that requests name them with.

import type { GivenResponse, ReceivedRequest } from '../../shared/grpc.ts';
import { giveBack, Leased, takeNumber } from './clients.ts';
import type { Connection } from './connections.ts';
import type { BrokerService } from './service.ts';
import { checkSessionParameters } from './session-parameters.ts';

export class Sessions {
  readonly #service: BrokerService;

  constructor(service: BrokerService) {
    this.#service = service;
  }

  async open(
    connection: Connection,
    request: ReceivedRequest<'OpenSession'>,
  ): Promise<GivenResponse<'OpenSession'>> {
    const operation = `open a session for "${request.algorithm}"`;
    const { client, engine } = await this.#service.client(connection, request.channel, operation);
    const { algorithm, parameters } = checkSessionParameters(request, operation);
    const session = client.freeSessionNumber();
    const lent = new Leased(client.account.charge('sessions', 1));
    client.sessions.set(session, lent);
    const { id: channel } = client;
    await this.#service.lending.lend(
      engine,
      () => engine.call('openSession', { channel, session, algorithm, parameters }),
      () => giveBack(client.sessions, session, lent),
      (next) => next.call('closeSession', { channel, session }),
    );
    return { session };
  }

  async close(
    connection: Connection,
    { channel, session }: ReceivedRequest<'CloseSession'>,
  ): Promise<Record<string, never>> {
    const operation = `close session ${session}`;
    const { client, engine } = await this.#service.client(connection, channel, operation);
    const leased = takeNumber(client.sessions, session, 'NO_SUCH_SESSION', operation);
    await this.#service.lending
      .takeBack(engine, (at) => at.call('closeSession', { channel, session }))
      .finally(() => leased.release());
    return {};
  }
}
