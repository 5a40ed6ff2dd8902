// The broker's process: the gRPC and fd sockets on one side, links to custodian and engine on the other.

import { join } from 'node:path';
import { present } from '../../shared/assert.ts';
import { WarpError } from '../../shared/errors.ts';
import type { ReceivedRequest } from '../../shared/grpc.ts';
import { CUSTODIAN_SOCKET, ENGINE_SOCKET, FD_SOCKET, GRPC_SOCKET } from '../../shared/runtime-paths.ts';
import type { PeerCredentials } from '../../sys/socket.ts';
import {
  brokerContract,
  custodianContract,
  engineContract,
  followerContract,
  type ProcessName,
} from '../contracts.ts';
import { Peer } from '../peer.ts';
import { createLog, endWhenTold, lockRole, type RoleOptions, tellReady } from '../role.ts';
import type { Caller } from './caller.ts';
import { FdServer } from './fd-server.ts';
import { type Connection, type GrpcEvents, GrpcServer, type Methods } from './grpc-server.ts';
import { MetricsServer } from './metrics-server.ts';
import { BrokerService } from './service.ts';
import { Host, readHostLimits } from './host.ts';
import { TenantBook } from './tenant-book.ts';
import { Tokens } from './tokens.ts';

/** What clients may take to see their requests finished when the daemon stops, milliseconds. */
const DRAIN_MILLIS = 5_000;
/** How long a caller waits while the custodian is being started again, milliseconds. */
const CUSTODIAN_MILLIS_MAX = 2_000;
/** How long a caller waits while the engine is being started again, milliseconds. */
const ENGINE_MILLIS_MAX = 2_000;
/** Connections beside those of channels: command lines, a client's second try. */
const SPARE_CONNECTIONS = 64;

export async function runBroker(options: RoleOptions): Promise<void> {
  const log = createLog('broker', options.logLevel);
  const lock = lockRole('broker', options.runtimeDir);
  const startedMillis = performance.now();
  const tokens = new Tokens();

  const custodian = new Peer(
    'custodian',
    join(options.runtimeDir, CUSTODIAN_SOCKET),
    { serves: followerContract, calls: custodianContract },
    {
      reconfigure: async (next) => {
        await service.reconfigure(next);
        return {};
      },
    },
    {
      // One that was started again may have read another configuration.
      onUp: async (link) => {
        const next = await link.call('configuration', { isFollowing: true });
        if (book === undefined) book = new TenantBook(next);
        else await service.reconfigure(next);
      },
      onDown: (reason) => log.warn({ reason }, 'the custodian is gone'),
    },
  );
  let book: TenantBook | undefined = undefined;
  await custodian.connect();
  const tenants = present<TenantBook>(book, 'the configuration');
  const { configuration } = tenants;

  const identifyPeer = async ({ pid, uid }: PeerCredentials): Promise<Caller | undefined> => {
    if (pid <= 0) return undefined;
    const link = await custodian.whenUp(CUSTODIAN_MILLIS_MAX);
    const { process: found } = await link.call('identify', { pid });
    if (found === null) return undefined;
    const { startTicks, gids, cgroup } = found;
    return { process: { uid, pid, startTicks }, gids, cgroup };
  };
  const identities = new WeakMap<Connection, Promise<Caller>>();
  /** Asked when it is accepted; once more at a call if there was no answer then. */
  const identify = (connection: Connection): Promise<Caller> => {
    const known = identities.get(connection);
    if (known !== undefined) return known;
    const identity = identifyPeer(connection.peer).then((caller) => {
      if (caller !== undefined) return caller;
      const found = `process ${connection.peer.pid}, which connected, is not there any more`;
      throw new WarpError('PERMISSION_DENIED', { operation: 'identify the caller', found });
    });
    identities.set(connection, identity);
    identity.catch(() => identities.delete(connection));
    return identity;
  };

  const service = new BrokerService({
    tenants,
    tokens,
    host: new Host(readHostLimits()),
    log,
    engine: () => engine.whenUp(ENGINE_MILLIS_MAX),
    custodian: () => custodian.whenUp(CUSTODIAN_MILLIS_MAX),
    identify,
    status: () => ({
      uptimeMillis: Math.round(performance.now() - startedMillis),
      connections: grpc.connections,
      processes: [
        { name: 'broker', pid: process.pid, isConnected: true },
        { name: 'custodian', pid: custodian.pid, isConnected: custodian.isUp },
        { name: 'engine', pid: engine.pid, isConnected: engine.isUp },
      ],
    }),
  });

  const engine = new Peer(
    'engine',
    join(options.runtimeDir, ENGINE_SOCKET),
    { serves: brokerContract, calls: engineContract },
    {
      channelEnded: ({ channel, reason }) => {
        service.channelEnded(channel, reason);
        return {};
      },
    },
    {
      onUp: (link) => service.adopt(link),
      onDown: (reason) => log.warn({ reason }, 'the engine is gone'),
    },
  );
  await engine.connect();

  const { limits } = configuration;
  const channelsMax = Object.values(configuration.tenants).map(({ channels }) => channels ?? limits.channels);
  const connectionsPerUid = Math.max(limits.channels, ...channelsMax) + SPARE_CONNECTIONS;
  const methods: Methods = {
    listDevices: { call: () => service.listDevices() },
    getStatus: { call: (connection) => service.getStatus(connection) },
    listQueues: { call: (connection) => service.listQueues(connection) },
    // A channel whose token nobody redeems ends by itself.
    openChannel: { call: (connection, request) => service.openChannel(connection, request) },
    resumeChannel: { call: (connection, request) => service.resumeChannel(connection, request) },
    closeChannel: { call: (connection, request) => service.closeChannel(connection, request) },
    requestQueue: {
      call: (connection, request, signal) => service.requestQueue(connection, request, signal),
      undo: (connection, { channel }: ReceivedRequest<'RequestQueue'>, { queue }: { queue: number }) =>
        service.releaseQueue(connection, { channel, queue }),
    },
    releaseQueue: { call: (connection, request) => service.releaseQueue(connection, request) },
    openSession: {
      call: (connection, request) => service.openSession(connection, request),
      undo: (connection, { channel }: ReceivedRequest<'OpenSession'>, { session }: { session: number }) =>
        service.closeSession(connection, { channel, session }),
    },
    closeSession: { call: (connection, request) => service.closeSession(connection, request) },
    shareRegion: {
      call: (connection, request) => service.shareRegion(connection, request),
      undo: (connection, { channel }: ReceivedRequest<'ShareRegion'>, { region }: { region: number }) =>
        service.releaseRegion(connection, { channel, region }),
    },
    releaseRegion: { call: (connection, request) => service.releaseRegion(connection, request) },
  };
  const events: GrpcEvents = {
    onAccept: (connection) => void identify(connection).catch(() => {}),
    onFailure: (connection, request, error) =>
      // Who is gone needs no entry.
      void service.noteFailure(connection, request, error).catch(() => {}),
  };
  const grpc = new GrpcServer(join(options.runtimeDir, GRPC_SOCKET), methods, connectionsPerUid, events, log);
  const identifyProcess = async (peer: PeerCredentials): Promise<ProcessName | undefined> =>
    (await identifyPeer(peer))?.process;
  const fdServer = new FdServer(join(options.runtimeDir, FD_SOCKET), tokens, identifyProcess, log);
  await fdServer.listen();
  await grpc.listen();
  const metrics = new MetricsServer(() => service.picture(), log);
  await metrics.listen(configuration.metrics, options.runtimeDir);

  endWhenTold(log, async () => {
    if (engine.isUp) await engine.link.call('drain', { timeoutMillis: DRAIN_MILLIS });
    grpc.close();
    fdServer.close();
    metrics.close();
    tokens.close();
    engine.close();
    custodian.close();
    lock.close();
  });
  log.info({ devices: Object.keys(configuration.devices) }, 'broker ready');
  tellReady();
}
