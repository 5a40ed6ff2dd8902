// The engine's link to the broker, one at a time: a new one has taken the place of one that is gone, noticed or not.

import { join } from 'node:path';
import type { Logger } from 'pino';
import { ENGINE_SOCKET } from '../../shared/runtime-paths.ts';
import { brokerContract, engineContract } from '../contracts.ts';
import { Link, type LinkSockets } from '../link.ts';
import { LinkServer } from '../link-sockets.ts';
import type { RoleOptions } from '../role.ts';
import type { Leases } from './leases.ts';
import type { EngineService } from './service.ts';

export class BrokerServer {
  readonly #service: EngineService;
  readonly #leases: Leases;
  readonly #log: Logger;
  #server: LinkServer | undefined = undefined;
  #link: Link<typeof engineContract, typeof brokerContract> | undefined = undefined;

  static async listen(
    { runtimeDir, brokerUid }: RoleOptions,
    service: EngineService,
    leases: Leases,
    log: Logger,
  ): Promise<BrokerServer> {
    const server = new BrokerServer(service, leases, log);
    const brokerUids = new Set([brokerUid ?? process.getuid?.() ?? 0]);
    server.#server = await LinkServer.listen(join(runtimeDir, ENGINE_SOCKET), brokerUids, (sockets) =>
      server.#accept(sockets),
    );
    return server;
  }

  private constructor(service: EngineService, leases: Leases, log: Logger) {
    this.#service = service;
    this.#leases = leases;
    this.#log = log;
  }

  #accept(sockets: LinkSockets): void {
    this.#link?.close('another broker has connected');
    const link = new Link(
      'broker',
      sockets,
      { serves: engineContract, calls: brokerContract },
      this.#service,
    );
    this.#link = link;
    this.#leases.onEnded = (channel, reason) => {
      // A broker that is gone learns from the inventory what there still is.
      link.call('channelEnded', { channel, reason }).catch(() => {});
    };
    link.onClose = (reason) => {
      if (this.#link !== link) return;
      this.#link = undefined;
      this.#leases.onEnded = () => {};
      this.#log.warn({ reason }, 'the broker is gone');
    };
  }

  close(): void {
    this.#server?.close();
    this.#link?.close('the engine stops');
  }
}
