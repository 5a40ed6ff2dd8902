// How the load process sends the requests of one tenant: through the SDK's fast path, or over gRPC with the memory at the
// daemon, since the copies of a payload would be most of what is measured.

import { join } from 'node:path';
import { type Completion, connect, type Queue, type Request } from 'warpdrive';
import { Control, unixEndpoint } from '../src/client/control.ts';
import { beginExchange, type ExchangeCall } from '../src/client/stream-path.ts';
import type { ReceivedExchangeResponse, WireRequest } from '../src/shared/exchange.ts';
import { operations } from '../src/shared/operations.ts';
import { GRPC_SOCKET } from '../src/shared/runtime-paths.ts';
import type { LoadTenant } from './tenants.ts';

const HASH_BYTES = 32;
const CALL_MILLIS_MAX = 60_000;
const completions: Completion[] = [];

export interface Lane {
  readonly tenant: LoadTenant;
  /** Sent and not yet received, as far as the lane knows. */
  readonly inFlight: number;
  /** Of what it has received: device time, nanoseconds, and requests. */
  nanos: number;
  requests: number;
  /** Takes what has completed. */
  receive(): void;
  /** Sends until `depth` are in flight. */
  fill(): void;
}

export async function openLane(runtimeDir: string, tenant: LoadTenant, depth: number): Promise<Lane> {
  return tenant.transport === 'grpc'
    ? openStreamLane(runtimeDir, tenant, depth)
    : new FastLane(tenant, ...(await openQueue(runtimeDir, tenant, depth)));
}

/** A queue of the tenant, and its request: all write to one place, nobody reads it. */
export async function openQueue(
  runtimeDir: string,
  { name, bytes, transport }: LoadTenant,
  depth: number,
): Promise<[Queue, Request]> {
  const connection = await connect({ runtimeDir, transport, tenant: name, slots: depth });
  const queue = await connection.requestQueue({ algorithm: 'sha-256', depth });
  const region = await connection.share(bytes + HASH_BYTES);
  const source = { region, offset: 0, bytes };
  const destination = { region, offset: bytes, bytes: HASH_BYTES };
  return [queue, { operation: 'sha-256', source, destination }];
}

class FastLane implements Lane {
  readonly tenant: LoadTenant;
  nanos = 0;
  requests = 0;
  readonly #queue: Queue;
  readonly #request: Request;

  constructor(tenant: LoadTenant, queue: Queue, request: Request) {
    this.tenant = tenant;
    this.#queue = queue;
    this.#request = request;
  }

  get inFlight(): number {
    return this.#queue.inFlight;
  }

  receive(): void {
    const count = this.#queue.recv(completions);
    for (let index = 0; index < count; index++) {
      const { code, deviceNanos } = completions[index] as Completion;
      if (code !== 'OK') throw new Error(`a request of ${this.tenant.name} completed as ${code}`);
      this.nanos += deviceNanos;
      this.requests += 1;
    }
  }

  fill(): void {
    while (this.#queue.send(this.#request));
  }
}

async function openStreamLane(runtimeDir: string, tenant: LoadTenant, depth: number): Promise<Lane> {
  const control = new Control(unixEndpoint(join(runtimeDir, GRPC_SOCKET)), CALL_MILLIS_MAX);
  const opening = { slots: depth, transport: 'TRANSPORT_STREAM', tenant: tenant.name } as const;
  const { channel } = await control.call('OpenChannel', opening, 'open a channel');
  const asked = { channel, algorithm: 'sha-256', depth };
  const { queue } = await control.call('RequestQueue', asked, 'request a queue');
  const bytes = tenant.bytes + HASH_BYTES;
  const { region } = await control.call('ShareRegion', { channel, bytes }, 'share a region');
  const call = beginExchange(control);
  call.write({ channel });
  const source = { region: { region, offset: 0, bytes: tenant.bytes } };
  const destination = { region: { region, offset: tenant.bytes, bytes: HASH_BYTES } };
  const operation = operations['sha-256'].number;
  return new StreamLane(tenant, call, depth, { id: 0, queue, operation, source, destination });
}

/** It receives whenever the event loop has its turn. */
class StreamLane implements Lane {
  readonly tenant: LoadTenant;
  inFlight = 0;
  nanos = 0;
  requests = 0;
  readonly #call: ExchangeCall;
  readonly #depth: number;
  readonly #request: WireRequest;
  #nextId = 0;

  constructor(tenant: LoadTenant, call: ExchangeCall, depth: number, request: WireRequest) {
    this.tenant = tenant;
    this.#call = call;
    this.#depth = depth;
    this.#request = request;
    call.on('data', (message: ReceivedExchangeResponse) => this.#take(message));
  }

  #take({ completions: taken }: ReceivedExchangeResponse): void {
    for (const { status, code, deviceNanos } of taken) {
      if (status !== 0) throw new Error(`a request of ${this.tenant.name} completed as ${code}`);
      this.nanos += deviceNanos;
      this.requests += 1;
    }
    this.inFlight -= taken.length;
  }

  receive(): void {}

  fill(): void {
    const count = this.#depth - this.inFlight;
    if (count <= 0) return;
    const next = (): WireRequest => ({ ...this.#request, id: (this.#nextId = (this.#nextId + 1) >>> 0) });
    this.#call.write({ requests: Array.from({ length: count }, next) });
    this.inFlight += count;
  }
}
