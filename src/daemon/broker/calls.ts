// Calls that are open on the gRPC socket. Each costs the broker memory for as long as it lasts, so a user may have so
// many, and a caller may not let one lie: the request is to come at once and the answer to be taken.
//
//     opened --request complete--> running --answer sent--> being read --> over
//        |                                                      |
//        +-- for too long: the connection is cut ---------------+
//
// How long a call runs is not the caller's doing, so that has no limit here.

import {
  type ServerInterceptingCallInterface,
  ServerInterceptingCall,
  type ServiceError,
} from '@grpc/grpc-js';
import { WarpError } from '../../shared/errors.ts';
import { toServiceError } from '../../shared/grpc.ts';
import { Tally } from '../../shared/tally.ts';

/** For sending a request, and for reading its answer, milliseconds. */
const PEER_MILLIS_MAX = 10_000;

/** Whose a call is. */
export interface CallOwner {
  /** The user or certificate that connections are counted by. */
  readonly payer: string;
  /** Ends the connection with all its calls. */
  cut(): void;
}

export class Calls {
  readonly #perPayerMax: number;
  readonly #ofPayers = new Tally();

  constructor(perPayerMax: number) {
    this.#perPayerMax = perPayerMax;
  }

  /**
   * Takes a call on, or refuses it with QUOTA_EXCEEDED. To be called by an interceptor of the server. A stream may take
   * as long as its caller likes: whoever serves it bounds what it holds.
   */
  open(call: ServerInterceptingCallInterface, owner: CallOwner, isStream: boolean): ServerInterceptingCall {
    const { payer } = owner;
    if (this.#ofPayers.of(payer) >= this.#perPayerMax) return this.#refuse(call);
    let timer: NodeJS.Timeout | undefined;
    let isOver = false;
    const expectPeer = (): void => {
      // What is answered to somebody who has gone is read by nobody.
      if (isStream || isOver) return;
      timer ??= setTimeout(() => owner.cut(), PEER_MILLIS_MAX);
    };
    const expectNothing = (): void => {
      clearTimeout(timer);
      timer = undefined;
    };
    return new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          // Not before: a call that was reset on its way here starts without a listener, and nothing tells its end.
          onReceiveMetadata: (metadata, proceed) => {
            this.#ofPayers.add(payer);
            expectPeer();
            proceed(metadata);
          },
          onReceiveHalfClose: (proceed) => {
            expectNothing();
            proceed();
          },
          // However it ends: grpc-js says so of calls that are answered too.
          onCancel: () => {
            isOver = true;
            expectNothing();
            this.#ofPayers.remove(payer);
          },
        });
      },
      sendMessage: (message, next) => {
        expectPeer();
        next(message);
      },
      sendStatus: (status, next) => {
        expectPeer();
        next(status);
      },
    });
  }

  #refuse(call: ServerInterceptingCallInterface): ServerInterceptingCall {
    const error = new WarpError('QUOTA_EXCEEDED', {
      operation: 'call the daemon',
      found: `${this.#perPayerMax} calls of this user are open already`,
      hint: 'wait for the answers of earlier calls',
    });
    return new ServerInterceptingCall(call, {
      start: () => call.sendStatus(toServiceError(error) as ServiceError),
    });
  }
}
