// The control view of a connection: the Broker service as promises, with errors that say what to do.

import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { WarpError } from '../shared/errors.ts';
import {
  type BrokerMethod,
  brokerService,
  fromServiceError,
  type RequestTo,
  type ResponseFrom,
} from '../shared/grpc.ts';

export class Control {
  readonly #client: Client;
  readonly path: string;
  readonly timeoutMillis: number;

  /** `path`: the daemon's gRPC socket. `timeoutMillis`: how long each call may take. */
  constructor(path: string, timeoutMillis: number) {
    this.path = path;
    this.timeoutMillis = timeoutMillis;
    this.#client = new Client(`unix:${path}`, credentials.createInsecure(), {
      // Each connection is its caller's own: the daemon counts and ends them one by one.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_channelz': 0,
      'grpc.initial_reconnect_backoff_ms': 20,
      'grpc.max_reconnect_backoff_ms': 1_000,
      'grpc.default_authority': 'localhost',
    });
  }

  /**
   * Calls a method. `operation` is what an error names as attempted; NO_DAEMON where nobody answers. `patienceMillis`:
   * how much longer than others the daemon may take, since it was asked to wait.
   */
  call<Name extends BrokerMethod>(
    name: Name,
    request: RequestTo<Name>,
    operation: string,
    patienceMillis = 0,
  ): Promise<ResponseFrom<Name>> {
    const { path, requestSerialize, responseDeserialize } = brokerService[name];
    const deadline = Date.now() + this.timeoutMillis + patienceMillis;
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
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
    return new WarpError('NO_DAEMON', {
      operation,
      found: `nobody answers at ${this.path}`,
      hint: 'start the daemon with "warpdrived", or name its folder with --runtime-dir or WARPDRIVE_RUNTIME_DIR',
      cause: error,
    });
  }

  close(): void {
    this.#client.close();
  }
}
