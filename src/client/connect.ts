// How a program comes to a connection: the ways to the daemon, tried one after the other.

import { join } from 'node:path';
import { asWarpError, type ErrorCode, WarpError } from '../shared/errors.ts';
import { findRuntimeDir, GRPC_SOCKET } from '../shared/runtime-paths.ts';
import { Connection } from './connection.ts';
import { Control, type TlsFiles, tlsEndpoint, unixEndpoint } from './control.ts';
import { StreamTransport } from './stream-transport.ts';
import type { Transport, TransportName } from './transport.ts';

export interface ConnectOptions {
  /** The daemon's folder: $WARPDRIVE_RUNTIME_DIR, the user's or the system's by default. */
  readonly runtimeDir?: string;
  /** Requests that can be in flight over all queues: a power of two, 4 to 4096. 256 by default. */
  readonly slots?: number;
  /** How long each call to the daemon may take, milliseconds. 5000 by default. */
  readonly timeoutMillis?: number;
  /** For tests, where the daemon's configuration allows it: the tenant to be. */
  readonly tenant?: string;
  /** For how long a lost daemon is waited for, milliseconds. 30000 by default. */
  readonly reconnectMillis?: number;
  /** Only this way to the daemon; by default the first that works: 'fast-path', 'grpc', 'grpcs'. */
  readonly transport?: TransportName;
  /** A daemon to be reached over TLS: "grpcs://host:port". $WARPDRIVE_ADDRESS by default. */
  readonly address?: string;
  /** Certificates for that. */
  readonly tls?: TlsFiles;
}

/** What the next way may do better: this one can't be had here, or nobody is there. */
const worthAnotherWay: ReadonlySet<ErrorCode> = new Set([
  'UNSUPPORTED',
  'NO_DAEMON',
  'SYSTEM_CALL',
  'TOKEN_REFUSED',
  'PROTOCOL_MISMATCH',
]);

/**
 * Connects to the daemon, by the first way that works: shared memory, gRPC on the Unix socket, and, if an address is
 * given, TLS. Throws what the first of them failed with: NO_DAEMON if none answers, QUOTA_EXCEEDED if the user has too
 * many channels.
 */
export async function connect(options: ConnectOptions = {}): Promise<Connection> {
  const runtimeDir = options.runtimeDir ?? findRuntimeDir(process.env, process.getuid?.() ?? 0);
  const address = options.address ?? process.env['WARPDRIVE_ADDRESS'];
  const everyWay: readonly TransportName[] = ['fast-path', 'grpc', 'grpcs'];
  const ways = everyWay.filter((name) =>
    options.transport === undefined ? name !== 'grpcs' || address !== undefined : name === options.transport,
  );
  let failure: WarpError | undefined;
  for (const name of ways) {
    // Nobody behind the socket that both ways on this host begin with.
    if (name === 'grpc' && failure?.code === 'NO_DAEMON' && failure.found.endsWith(GRPC_SOCKET)) continue;
    try {
      const transport = await makeTransport(name, { ...options, runtimeDir, address: address ?? '' });
      const connection = new Connection(transport, runtimeDir, options);
      await connection.open();
      return connection;
    } catch (error) {
      failure ??= asWarpError(error, 'connect');
      if (!worthAnotherWay.has(asWarpError(error, 'connect').code)) throw error;
    }
  }
  const hint = `give one of ${everyWay.join(', ')}`;
  const found = `transport "${String(options.transport)}"`;
  throw failure ?? new WarpError('INVALID_ARGUMENT', { operation: 'connect', found, hint });
}

async function makeTransport(
  name: TransportName,
  {
    runtimeDir,
    address,
    tls,
    timeoutMillis = 5_000,
  }: ConnectOptions & { runtimeDir: string; address: string },
): Promise<Transport> {
  if (name === 'grpcs')
    return new StreamTransport(name, new Control(tlsEndpoint(address, tls), timeoutMillis));
  const endpoint = unixEndpoint(join(runtimeDir, GRPC_SOCKET));
  if (name === 'grpc') return new StreamTransport(name, new Control(endpoint, timeoutMillis));
  const { FastTransport } = await loadFastTransport();
  return new FastTransport(new Control(endpoint, timeoutMillis), runtimeDir);
}

/** Throws UNSUPPORTED where the system can't be called: in a worker thread, or where the FFI library doesn't load. */
async function loadFastTransport(): Promise<typeof import('./fast-transport.ts')> {
  try {
    return await import('./fast-transport.ts');
  } catch (error) {
    if (error instanceof WarpError) throw error;
    const found = `the FFI library can't be loaded: ${(error as Error).message}`;
    throw new WarpError('UNSUPPORTED', { operation: 'use shared memory', found, cause: error });
  }
}
