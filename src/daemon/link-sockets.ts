// How two processes of the daemon come to have the two sockets of a link: one listens, the other connects. The two
// sockets are paired by a random name that the connecting side sends on the fds socket first and then, as the first
// line, on the control socket.

import { randomBytes } from 'node:crypto';
import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import { WarpError } from '../shared/errors.ts';
import { connectUnix, peerCredentials, receiveWithFds, sendWithFds } from '../sys/socket.ts';
import { socketNumber } from '../sys/stream.ts';
import type { LinkSockets } from './link.ts';
import { listenAt, stopListening } from './listen.ts';

const PAIR_NAME_BYTES = 16;

/** The path of the second socket. */
function fdsPath(path: string): string {
  return `${path}.fds`;
}

/** Serves links at `path`; `accept` gets each one whose peer runs as one of the allowed users, and which one. */
export class LinkServer {
  readonly #servers: Server[] = [];
  /** Accepted fds sockets that wait for their control socket, with their names once these were read. Only our own users can put one here. */
  readonly #unpaired = new Map<Socket, { readonly uid: number; readonly name: string | undefined }>();
  /** Each tries to find the fds socket of a control socket that has none yet. */
  readonly #waiting = new Set<() => void>();

  static async listen(
    path: string,
    allowedUids: ReadonlySet<number>,
    accept: (sockets: LinkSockets, uid: number) => void,
  ): Promise<LinkServer> {
    const server = new LinkServer();
    await server.#open(fdsPath(path), allowedUids, (socket, uid) => {
      server.#unpaired.set(socket, { uid, name: undefined });
      for (const tryToPair of server.#waiting) tryToPair();
    });
    await server.#open(path, allowedUids, (socket, uid) => {
      readPairName(socket, (name) => {
        const tryToPair = (): void => {
          const fds = server.#findPair(name, uid);
          if (fds === undefined) return;
          server.#waiting.delete(tryToPair);
          accept({ control: socket, fds: { number: socketNumber(fds), close: () => fds.destroy() } }, uid);
          socket.resume();
        };
        // Two sockets, accepted in any order: the other one may still be on its way.
        server.#waiting.add(tryToPair);
        socket.once('close', () => server.#waiting.delete(tryToPair));
        tryToPair();
      });
    });
    return server;
  }

  async #open(
    path: string,
    allowedUids: ReadonlySet<number>,
    onConnection: (socket: Socket, uid: number) => void,
  ): Promise<void> {
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      socket.on('error', () => socket.destroy());
      const { uid } = peerCredentials(socketNumber(socket));
      if (allowedUids.has(uid)) onConnection(socket, uid);
      else socket.destroy();
    });
    this.#servers.push(server);
    await listenAt(server, path);
  }

  /** The fds socket of that name and user, which is then no longer unpaired. */
  #findPair(name: string, uid: number): Socket | undefined {
    for (const [socket, { uid: ownUid, name: known }] of this.#unpaired) {
      if (ownUid !== uid) continue;
      const own = known ?? readName(socket);
      if (own === 'end') {
        this.#unpaired.delete(socket);
        socket.destroy();
      } else if (own === name) {
        this.#unpaired.delete(socket);
        return socket;
      } else {
        // Another's, whose control socket is on its way.
        this.#unpaired.set(socket, { uid, name: own });
      }
    }
    return undefined;
  }

  close(): void {
    for (const server of this.#servers) stopListening(server);
    for (const socket of this.#unpaired.keys()) socket.destroy();
  }
}

/** The name that an fds socket begins with; undefined if it hasn't come yet. */
function readName(socket: Socket): string | undefined {
  const received = receiveWithFds(socketNumber(socket), 'pair name', PAIR_NAME_BYTES);
  if (received === 'empty') return undefined;
  return received === 'end' ? 'end' : received.bytes.toString('hex');
}

/** Reads the first line of a control socket, and pauses it for its link. */
function readPairName(socket: Socket, onName: (name: string) => void): void {
  let text = '';
  const onData = (chunk: Buffer): void => {
    text += chunk.toString();
    const end = text.indexOf('\n');
    if (end === -1) return;
    socket.off('data', onData);
    socket.pause();
    const name = parsePairName(text.slice(0, end));
    if (name === undefined) {
      socket.destroy();
      return;
    }
    if (end + 1 < text.length) socket.unshift(text.slice(end + 1));
    onName(name);
  };
  socket.on('data', onData);
  socket.resume();
}

function parsePairName(line: string): string | undefined {
  try {
    const { pair } = JSON.parse(line) as { pair?: unknown };
    return typeof pair === 'string' ? pair : undefined;
  } catch {
    // Not JSON: not one of our processes.
    return undefined;
  }
}

/** Connects to a link server. Throws NO_DAEMON where nobody listens. */
export async function connectLink(path: string): Promise<LinkSockets> {
  const fds = connectUnix(fdsPath(path), 'fds socket');
  const name = randomBytes(PAIR_NAME_BYTES);
  sendWithFds(fds.number, name, []);
  const control = connectSocket(path);
  await new Promise<void>((resolve, reject) => {
    control.once('connect', resolve);
    control.once('error', (cause) => {
      fds.close();
      reject(new WarpError('NO_DAEMON', { operation: `connect to ${path}`, found: cause.message, cause }));
    });
  });
  control.removeAllListeners('error');
  control.write(`${JSON.stringify({ pair: name.toString('hex') })}\n`);
  return { control, fds };
}
