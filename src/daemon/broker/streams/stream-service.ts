// The calls of the Broker service that stream: Exchange, and the contents of regions whose memory the caller can't map.

import type { ServerDuplexStream, ServerReadableStream, ServerWritableStream } from '@grpc/grpc-js';
import { WarpError } from '../../../shared/errors.ts';
import type { ReadRegionRequest__Output } from '../../../shared/gen/warpdrive/v1/ReadRegionRequest.ts';
import type { ReadRegionResponse } from '../../../shared/gen/warpdrive/v1/ReadRegionResponse.ts';
import type { WriteRegionRequest__Output } from '../../../shared/gen/warpdrive/v1/WriteRegionRequest.ts';
import type { WriteRegionResponse } from '../../../shared/gen/warpdrive/v1/WriteRegionResponse.ts';
import type { Client } from '../clients.ts';
import type { Connection } from '../connections.ts';
import { checkDecoded } from '../grpc-server.ts';
import type { Regions } from '../regions.ts';
import type { BrokerService } from '../service.ts';
import { cancelRequests } from './cancellation.ts';
import { type ExchangeHost, serveExchange } from './exchange.ts';
import type { HeldChannel } from './held-channel.ts';

/** A piece of a region that is read. */
const PIECE_BYTES = 64 * 1024;

export class StreamService {
  readonly #service: BrokerService;
  readonly #regions: Regions;

  constructor(service: BrokerService, regions: Regions) {
    this.#service = service;
    this.#regions = regions;
  }

  exchange(connection: Connection, call: ServerDuplexStream<Buffer, Buffer>): void {
    serveExchange(call, (channel) => this.#host(connection, channel));
  }

  #host(connection: Connection, id: number): ExchangeHost {
    const { client, channel } = this.#held(connection, id, 'exchange');
    const { context } = this.#service;
    return {
      channel,
      requestBytesMax: context.tenants.named(client.account.tenant).limits.request_bytes,
      makePayloads: (bytes) => this.#regions.lendPayloads(client, channel, bytes),
      cancel: (requests) => void cancelRequests(() => context.engine(), channel, requests),
      noteFailure: (error) => this.#service.noteFailure(connection, { channel: id }, error),
    };
  }

  async writeRegion(
    connection: Connection,
    call: ServerReadableStream<WriteRegionRequest__Output, WriteRegionResponse>,
  ): Promise<WriteRegionResponse> {
    const operation = 'write into a region';
    let target:
      | { readonly channel: HeldChannel; readonly region: number; readonly offset: number }
      | undefined;
    let bytes = 0;
    for await (const message of call as AsyncIterable<WriteRegionRequest__Output>) {
      const { channel: id, region, offset, data } = checkDecoded(message);
      target ??= { channel: this.#held(connection, id, operation).channel, region, offset };
      const at = target.offset + bytes;
      data.copy(
        rangeOf(target.channel, { region: target.region, offset: at, bytes: data.length }, operation),
      );
      bytes += data.length;
    }
    return { bytes };
  }

  async readRegion(
    connection: Connection,
    call: ServerWritableStream<ReadRegionRequest__Output, ReadRegionResponse>,
  ): Promise<void> {
    const operation = 'read from a region';
    const { channel: id, region, offset, bytes } = call.request;
    const { channel } = this.#held(connection, id, operation);
    rangeOf(channel, { region, offset, bytes }, operation);
    for (let at = 0; at < bytes && !call.cancelled; at += PIECE_BYTES) {
      const piece = { region, offset: offset + at, bytes: Math.min(PIECE_BYTES, bytes - at) };
      const isFull = !call.write({ data: Buffer.from(rangeOf(channel, piece, operation)) });
      if (isFull) await writable(call);
    }
  }

  #held(connection: Connection, id: number, operation: string): { client: Client; channel: HeldChannel } {
    const client = this.#service.clients.ownedBy(connection.caller, id, operation);
    const { held } = client;
    if (held !== undefined && client.isAttachedTo(connection)) return { client, channel: held };
    throw new WarpError('NO_SUCH_CHANNEL', {
      operation,
      found: 'the channel is not one of TRANSPORT_STREAM that was opened on this connection',
    });
  }
}

/** Looked up each time: the region may have been released since. */
function rangeOf(
  channel: HeldChannel,
  { region, offset, bytes }: { readonly region: number; readonly offset: number; readonly bytes: number },
  operation: string,
): Buffer {
  const memory = channel.region(region);
  if (memory === undefined) throw new WarpError('NO_SUCH_REGION', { operation });
  if (offset + bytes > memory.length) {
    const found = `bytes up to ${offset + bytes} of a region of ${memory.length}`;
    throw new WarpError('INVALID_ARGUMENT', { operation, found });
  }
  return memory.subarray(offset, offset + bytes);
}

/** Resolves when the stream takes more, or is over. */
function writable(call: ServerWritableStream<unknown, unknown>): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of ['drain', 'close', 'cancelled']) call.off(event, done);
      resolve();
    };
    for (const event of ['drain', 'close', 'cancelled']) call.once(event, done);
  });
}
