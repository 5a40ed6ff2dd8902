// The Unix socket for gRPC: the kernel says who has connected.

import { createServer, type Server, type Socket } from 'node:net';
import { peerCredentials, type PeerCredentials, peerGroups } from '../../sys/socket.ts';
import { socketNumber } from '../../sys/stream.ts';
import { listenAt, stopListening } from '../listen.ts';
import { type KnownProcess, processCaller } from './caller.ts';
import type { Connections } from './connections.ts';

export class UnixListener {
  readonly #server: Server;
  readonly #path: string;

  /** `identify`: the process that connected, undefined if it is gone. */
  constructor(
    path: string,
    connections: Connections,
    identify: (peer: PeerCredentials) => Promise<KnownProcess | undefined>,
  ) {
    this.#path = path;
    this.#server = createServer({ pauseOnConnect: true }, (socket: Socket) => {
      const number = socketNumber(socket);
      const peer = peerCredentials(number);
      const groups = peerGroups(number);
      void connections.admit(socket, `uid:${peer.uid}`, async () => {
        const found = await identify(peer);
        return found === undefined ? undefined : processCaller(found, groups);
      });
    });
  }

  async listen(): Promise<void> {
    await listenAt(this.#server, this.#path, 0o666);
  }

  close(): void {
    stopListening(this.#server);
  }
}
