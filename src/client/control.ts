// The control view of a connection: the services as promises, with errors that say what to do.

import { existsSync, readFileSync } from 'node:fs';
import { type ChannelCredentials, Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { WarpError } from '../shared/errors.ts';
import {
  fromServiceError,
  type Method,
  methodDefinition,
  type RequestTo,
  type ResponseFrom,
} from '../shared/grpc.ts';

/** On a network, a peer that is gone without a word is found out by pings, milliseconds. */
const PING_MILLIS = 20_000;
const PING_ANSWER_MILLIS_MAX = 10_000;

/** Between two looks for a daemon of this host that is being started again: a refused connection costs nothing, milliseconds. */
const LOCAL_BACKOFF_MILLIS_MAX = 100;

/** Files (PEM) for TLS: the daemon's authority, and this client's certificate with its key. */
export interface TlsFiles {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** Where a daemon answers. */
export interface Endpoint {
  /** As an error names it. */
  readonly name: string;
  /** As grpc-js names it. */
  readonly target: string;
  readonly credentials: ChannelCredentials;
  readonly options: Readonly<Record<string, string | number>>;
  readonly hint: string;
  /** Whether it is worth waiting for. */
  mayComeBack(): boolean;
}

export function unixEndpoint(path: string): Endpoint {
  return {
    name: path,
    target: `unix:${path}`,
    credentials: credentials.createInsecure(),
    options: {
      'grpc.default_authority': 'localhost',
      'grpc.max_reconnect_backoff_ms': LOCAL_BACKOFF_MILLIS_MAX,
    },
    hint: 'start the daemon with "warpdrived", or name its folder with --runtime-dir or WARPDRIVE_RUNTIME_DIR',
    // A socket that nobody listens on was left by a daemon that died; without a socket there is no daemon.
    mayComeBack: () => existsSync(path),
  };
}

/** `address`: "grpcs://host:port". Throws INVALID_ARGUMENT. */
export function tlsEndpoint(address: string, files: TlsFiles | undefined): Endpoint {
  const [, host] = /^grpcs:\/\/([^/]+:\d+)\/?$/.exec(address) ?? [];
  const operation = `connect to ${address}`;
  if (host === undefined) {
    const hint = 'give "grpcs://host:port"; there is no way without encryption';
    throw new WarpError('INVALID_ARGUMENT', { operation, found: 'not an address of that form', hint });
  }
  if (files === undefined) {
    const hint = 'give { tls: { ca, certificate, key } }: PEM files';
    throw new WarpError('INVALID_ARGUMENT', { operation, found: 'no certificate', hint });
  }
  return {
    name: address,
    target: `dns:${host}`,
    credentials: credentials.createSsl(
      readPem(files.ca, operation),
      readPem(files.key, operation),
      readPem(files.certificate, operation),
    ),
    options: { 'grpc.keepalive_time_ms': PING_MILLIS, 'grpc.keepalive_timeout_ms': PING_ANSWER_MILLIS_MAX },
    hint: 'check the address, that the daemon has "grpc.listen", and the certificates on both sides',
    mayComeBack: () => true,
  };
}

function readPem(path: string, operation: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new WarpError('INVALID_ARGUMENT', { operation, found: (cause as Error).message, cause });
  }
}

export class Control {
  readonly endpoint: Endpoint;
  readonly timeoutMillis: number;
  /** For calls that stream. */
  readonly client: Client;

  /** `timeoutMillis`: how long each call may take. */
  constructor(endpoint: Endpoint, timeoutMillis: number) {
    this.endpoint = endpoint;
    this.timeoutMillis = timeoutMillis;
    this.client = new Client(endpoint.target, endpoint.credentials, {
      // Each connection is its caller's own: the daemon counts and ends them one by one.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_channelz': 0,
      'grpc.initial_reconnect_backoff_ms': 20,
      'grpc.max_reconnect_backoff_ms': 1_000,
      ...endpoint.options,
    });
  }

  /**
   * Calls a method. `operation` is what an error names as attempted; NO_DAEMON where nobody answers. `patienceMillis`:
   * how much longer than others the daemon may take, since it was asked to wait.
   */
  call<Name extends Method>(
    name: Name,
    request: RequestTo<Name>,
    operation: string,
    patienceMillis = 0,
  ): Promise<ResponseFrom<Name>> {
    const { path, requestSerialize, responseDeserialize } = methodDefinition(name);
    const deadline = Date.now() + this.timeoutMillis + patienceMillis;
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        path,
        requestSerialize as (request: RequestTo<Name>) => Buffer,
        responseDeserialize as (bytes: Buffer) => ResponseFrom<Name>,
        request,
        new Metadata(),
        { deadline },
        (error, response) => {
          if (error === null) resolve(response as ResponseFrom<Name>);
          else reject(this.#explain(error, operation));
        },
      );
    });
  }

  #explain(error: ServiceError, operation: string): WarpError {
    const explained = fromServiceError(error, operation);
    if (explained.code !== 'NO_DAEMON') return explained;
    const { name, hint } = this.endpoint;
    const isNobody = /ECONNREFUSED|ENOENT/.test(error.details);
    return new WarpError('NO_DAEMON', {
      operation,
      found: isNobody ? `nobody answers at ${name}` : `${name} takes the connection and closes it`,
      hint: isNobody ? hint : 'the daemon is stopping, or has as many connections of you as you may have',
      cause: error,
    });
  }

  close(): void {
    this.client.close();
  }
}
