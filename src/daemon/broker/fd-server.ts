// The fd socket: takes a token, hands out the descriptors that it stands for (shared/fd-protocol.ts). Anybody may
// connect, so a connection is bounded in bytes, in time, and in number for each user.
//
// The kernel counts descriptors that were sent and not received yet, and at the broker's limit of open files it sends no
// more, for nobody. So an answer counts as its user's connection until it was read or its receiver is gone.

import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from 'pino';
import { encodeFdAnswer } from '../../shared/fd-protocol.ts';
import { TOKEN_BYTES } from '../../shared/limits.ts';
import { closeAll } from '../../sys/fd.ts';
import { peerCredentials, type PeerCredentials, sendWithFds, unreadBytes } from '../../sys/socket.ts';
import { socketNumber } from '../../sys/stream.ts';
import type { ProcessName } from '../contracts.ts';
import { listenAt, stopListening } from '../listen.ts';
import { Complaints } from './complaints.ts';
import type { Tokens } from './tokens.ts';

/** A client sends its token at once; who doesn't is cut off, milliseconds. */
const CONNECTION_MILLIS_MAX = 2_000;
const CONNECTIONS_PER_UID_MAX = 64;

/** Resolves to the process that connected, undefined if it is gone. */
export type Identify = (peer: PeerCredentials) => Promise<ProcessName | undefined>;

export class FdServer {
  readonly #server: Server;
  readonly #path: string;
  readonly #tokens: Tokens;
  readonly #identify: Identify;
  readonly #log: Logger;
  readonly #complaints: Complaints;
  readonly #connections = new Map<number, Set<Socket>>();

  constructor(path: string, tokens: Tokens, identify: Identify, log: Logger) {
    this.#path = path;
    this.#tokens = tokens;
    this.#identify = identify;
    this.#log = log;
    this.#complaints = new Complaints(log);
    this.#server = createServer((socket) => this.#accept(socket));
  }

  async listen(): Promise<void> {
    await listenAt(this.#server, this.#path, 0o666);
  }

  close(): void {
    stopListening(this.#server);
    for (const sockets of this.#connections.values()) for (const socket of sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    const peer = peerCredentials(socketNumber(socket));
    const ofUid = this.#connections.get(peer.uid) ?? new Set();
    if (ofUid.size >= CONNECTIONS_PER_UID_MAX) {
      this.#complaints.note('too many connections to the fd socket', `uid:${peer.uid}`, {
        uid: peer.uid,
        pid: peer.pid,
      });
      socket.destroy();
      return;
    }
    this.#connections.set(peer.uid, ofUid.add(socket));
    const timer = setTimeout(() => {
      if (!socket.destroyed && unreadBytes(socketNumber(socket)) > 0) timer.refresh();
      else socket.destroy();
    }, CONNECTION_MILLIS_MAX);
    socket.once('close', () => {
      clearTimeout(timer);
      ofUid.delete(socket);
      if (ofUid.size === 0) this.#connections.delete(peer.uid);
    });
    let received = Buffer.alloc(0);
    const onData = (bytes: Buffer): void => {
      received = Buffer.concat([received, bytes]);
      if (received.length < TOKEN_BYTES) return;
      socket.off('data', onData);
      socket.pause();
      void this.#answer(socket, peer, received);
    };
    socket.on('data', onData);
  }

  async #answer(socket: Socket, peer: PeerCredentials, token: Buffer): Promise<void> {
    const caller = await this.#identify(peer).catch(() => undefined);
    const isToken = token.length === TOKEN_BYTES && caller !== undefined;
    const fds = isToken ? this.#tokens.redeem(token, caller) : undefined;
    if (fds === undefined)
      this.#complaints.note('token refused', `uid:${peer.uid}`, { uid: peer.uid, pid: peer.pid });
    try {
      if (!socket.destroyed) sendWithFds(socketNumber(socket), encodeFdAnswer(fds?.length ?? 0), fds ?? []);
    } catch (error) {
      this.#log.debug({ err: error, pid: peer.pid }, 'a client left before it had its descriptors');
    } finally {
      closeAll(fds ?? []);
      socket.end();
    }
  }
}
