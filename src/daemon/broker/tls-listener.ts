// The TCP port for gRPC from other hosts: TLS only, and only with a client certificate of the configured authorities.
// Its name says who calls. Nothing of a connection reaches gRPC before its handshake is done.

import { readFileSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import { WarpError } from '../../shared/errors.ts';
import type { GrpcConfiguration } from '../config/grpc.ts';
import type { ProcessName } from '../contracts.ts';
import { certificateCaller } from './caller.ts';
import { Complaints } from './complaints.ts';
import type { Connections } from './connections.ts';

/** A handshake takes some round trips; who needs longer is cut off, milliseconds. */
const HANDSHAKE_MILLIS_MAX = 5_000;
/** Handshakes under way, from all over: when there are more, the oldest has to go. */
const HANDSHAKES_MAX = 256;
/** Names become tenants' names. */
const NAME_LENGTH_MAX = 100;

export class TlsListener {
  readonly #server: Server;
  /** By the address and port at the other end. */
  readonly #handshakes = new Map<string, Socket>();
  readonly #host: string;
  readonly #port: number;
  readonly #complaints: Complaints;

  /** `broker`: this process, which holds what callers from elsewhere are lent. Throws CONFIG_INVALID. */
  constructor(configuration: GrpcConfiguration, connections: Connections, broker: ProcessName, log: Logger) {
    this.#complaints = new Complaints(log);
    const { listen = '' } = configuration;
    const colon = listen.lastIndexOf(':');
    this.#host = listen.slice(0, colon).replace(/^\[|\]$/g, '');
    this.#port = Number(listen.slice(colon + 1));
    this.#server = createServer({
      cert: readPem(configuration, 'certificate'),
      key: readPem(configuration, 'key'),
      ca: readPem(configuration, 'client_ca'),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['h2'],
      handshakeTimeout: HANDSHAKE_MILLIS_MAX,
    });
    this.#server.on('connection', (socket: Socket) => this.#noteHandshake(socket));
    this.#server.on('tlsClientError', (error, socket) => {
      // Somebody may have more addresses than there are lines in a log.
      const { remoteAddress: address } = socket;
      this.#complaints.note('a TLS handshake failed', 'tls', { address, found: error.message });
      socket.destroy();
    });
    this.#server.on('secureConnection', (socket: TLSSocket) => {
      this.#handshakes.delete(endpoint(socket));
      const name = certificateName(socket);
      log.info({ audit: true, address: socket.remoteAddress, certificate: name }, 'connected over TLS');
      const caller = name === undefined ? undefined : certificateCaller(name, broker);
      void connections.admit(socket, caller?.user ?? 'tls', () => Promise.resolve(caller));
    });
  }

  #noteHandshake(socket: Socket): void {
    const handshakes = this.#handshakes;
    const [oldest] = handshakes.values();
    if (handshakes.size >= HANDSHAKES_MAX) oldest?.destroy();
    const name = endpoint(socket);
    handshakes.set(name, socket);
    socket.once('close', () => {
      if (handshakes.get(name) === socket) handshakes.delete(name);
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ port: this.#port, ...(this.#host === '' ? {} : { host: this.#host }) }, () =>
        resolve(),
      );
    });
  }

  /** Where it listens, once it does. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#handshakes.values()) socket.destroy();
  }
}

function endpoint({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function readPem(configuration: GrpcConfiguration, name: 'certificate' | 'key' | 'client_ca'): Buffer {
  try {
    return readFileSync(configuration[name] ?? '');
  } catch (cause) {
    const found = (cause as Error).message;
    throw new WarpError('CONFIG_INVALID', { operation: `read grpc.${name}`, found, cause });
  }
}

/** The first alternative name, URI before DNS, or else the common name; undefined if there is none that will do. */
function certificateName(socket: TLSSocket): string | undefined {
  const { subject, subjectaltname = '' } = socket.getPeerCertificate();
  // Names that Node had to quote could look like several.
  if (subjectaltname.includes('"')) return undefined;
  const [, uri] = /(?:^|, )URI:([^,]+)/.exec(subjectaltname) ?? [];
  const [, dns] = /(?:^|, )DNS:([^,]+)/.exec(subjectaltname) ?? [];
  const name = uri ?? dns ?? (subject as { CN?: string } | undefined)?.CN;
  return name !== undefined && /^[!-~]+$/.test(name) && name.length <= NAME_LENGTH_MAX ? name : undefined;
}
