// Regions of channels: memory that a client shares with devices, or that the broker needs in a channel that it holds.

import { WarpError } from '../../shared/errors.ts';
import type { GivenResponse, ReceivedRequest } from '../../shared/grpc.ts';
import { REGION_BYTES_MAX } from '../../shared/limits.ts';
import type { Fd } from '../../sys/fd.ts';
import { createSealedMemory, roundToPages } from '../../sys/memory.ts';
import { type Client, giveBack, takeNumber } from './clients.ts';
import type { Connection } from './connections.ts';
import type { EngineLink } from './lending.ts';
import type { BrokerService } from './service.ts';
import type { HeldChannel } from './streams/held-channel.ts';
import type { PayloadRegion } from './streams/payload-memory.ts';

export class Regions {
  readonly #service: BrokerService;

  constructor(service: BrokerService) {
    this.#service = service;
  }

  async share(
    connection: Connection,
    request: ReceivedRequest<'ShareRegion'>,
  ): Promise<GivenResponse<'ShareRegion'>> {
    const operation = `share a region of ${request.bytes} bytes`;
    const { client, engine } = await this.#service.client(connection, request.channel, operation);
    if (request.bytes < 1 || request.bytes > REGION_BYTES_MAX) {
      throw new WarpError('INVALID_ARGUMENT', { operation, found: `not 1 to ${REGION_BYTES_MAX} bytes` });
    }
    const { region, memory } = await this.#lend(client, engine, request.bytes);
    if (client.held === undefined)
      return { region, token: this.#service.context.tokens.offer(client.owner, [memory]) };
    client.held.addRegion(region, memory, request.bytes);
    return { region };
  }

  /** Memory of a held channel for payloads. Its client pays for it, and can't name it. */
  async lendPayloads(client: Client, held: HeldChannel, bytes: number): Promise<PayloadRegion> {
    const engine = await this.#service.context.engine();
    const { region, memory } = await this.#lend(client, engine, bytes);
    if (held.isClosed) {
      memory.close();
      throw new WarpError('NO_SUCH_CHANNEL', { operation: 'make room for payloads' });
    }
    const mapping = held.addRegion(region, memory, bytes);
    held.reserve(region);
    const release = (): void => {
      held.dropRegion(region);
      this.#takeBack(client, engine, region).catch((error: unknown) => {
        this.#service.context.log.warn(
          { err: error, channel: client.id },
          'payload memory was not given back',
        );
      });
    };
    return { region, mapping, release };
  }

  async release(
    connection: Connection,
    { channel, region }: ReceivedRequest<'ReleaseRegion'>,
  ): Promise<Record<string, never>> {
    const operation = `release region ${region}`;
    const { client, engine } = await this.#service.client(connection, channel, operation);
    if (client.held?.isReserved(region)) throw new WarpError('NO_SUCH_REGION', { operation });
    await this.#takeBack(client, engine, region);
    client.held?.dropRegion(region);
    return {};
  }

  /** Charges a region and gives it to the engine; the caller owns its memory. */
  async #lend(
    client: Client,
    engine: EngineLink,
    asked: number,
  ): Promise<{ readonly region: number; readonly memory: Fd }> {
    const bytes = roundToPages(asked);
    const region = client.freeRegionNumber();
    const lent = this.#service.clients.leaseRegion(client, bytes);
    client.regions.set(region, lent);
    const { id: channel } = client;
    let memory: Fd | undefined;
    const ask = async (): Promise<Fd> => {
      memory = createSealedMemory('warpdrive-region', bytes);
      await engine.call('addRegion', { channel, region, bytes }, [memory]);
      return memory;
    };
    const onRefused = (): void => {
      memory?.close();
      giveBack(client.regions, region, lent);
    };
    const undo = (next: EngineLink) => next.call('removeRegion', { channel, region });
    return { region, memory: await this.#service.lending.lend(engine, ask, onRefused, undo) };
  }

  async #takeBack({ id: channel, regions }: Client, engine: EngineLink, region: number): Promise<void> {
    const leased = takeNumber(regions, region, 'NO_SUCH_REGION', `release region ${region}`);
    await this.#service.lending
      .takeBack(engine, (at) => at.call('removeRegion', { channel, region }))
      .finally(() => leased.release());
  }
}
