// The broker's process: the gRPC and fd sockets on one side, links to custodian and engine on the other.

import { join } from 'node:path';
import type { Logger } from 'pino';
import { present } from '../../shared/assert.ts';
import { adminService, brokerService } from '../../shared/grpc.ts';
import { CUSTODIAN_SOCKET, ENGINE_SOCKET, FD_SOCKET, GRPC_SOCKET } from '../../shared/runtime-paths.ts';
import type { PeerCredentials } from '../../sys/socket.ts';
import type { GrpcConfiguration } from '../config/grpc.ts';
import {
  brokerContract,
  custodianContract,
  engineContract,
  followerContract,
  type ProcessName,
} from '../contracts.ts';
import { Peer } from '../peer.ts';
import { createLog } from '../log.ts';
import { endWhenTold, type RoleOptions, takeRole, tellReady, waitFor } from '../role.ts';
import { FdServer, type Identify } from './fd-server.ts';
import { AdminService } from './admin.ts';
import { Calls } from './calls.ts';
import type { KnownProcess } from './caller.ts';
import { Connections } from './connections.ts';
import { GrpcServer, type OnFailure } from './grpc-server.ts';
import { adminMethods, brokerMethods } from './methods.ts';
import { MetricsServer } from './metrics-server.ts';
import { Overview } from './overview.ts';
import { Queues } from './queues.ts';
import { BrokerService } from './service.ts';
import { Host, readHostLimits } from './host.ts';
import { TenantBook } from './tenant-book.ts';
import { TlsListener } from './tls-listener.ts';
import { Tokens } from './tokens.ts';
import { UnixListener } from './unix-listener.ts';

/** What clients may take to see their requests finished when the daemon stops, milliseconds. */
const DRAIN_MILLIS = 5_000;
/** How long a caller waits while the custodian is being started again, milliseconds. */
const CUSTODIAN_MILLIS_MAX = 2_000;
/** How long a caller waits while the engine is being started again, milliseconds. */
const ENGINE_MILLIS_MAX = 2_000;
/** Calls that a user may have open, for each connection that it may have. */
const CALLS_PER_CONNECTION = 4;
/** Connections beside those of channels: command lines, a client's second try. */
const SPARE_CONNECTIONS = 64;

export async function runBroker(options: RoleOptions): Promise<void> {
  const log = createLog('broker', options.logLevel);
  const lock = await takeRole('broker', options);
  const startedMillis = performance.now();
  log.debug({ loadedMillis: Math.round(startedMillis) }, 'starting');
  const tokens = new Tokens();

  let book: TenantBook | undefined = undefined;
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
        // The engine, which gives it all descriptors at this moment, is not waited for: callers are.
        else void service.reconfigure(next);
      },
      onDown: (reason) => log.warn({ reason }, 'the custodian is gone'),
    },
  );
  await waitFor('custodian', custodian.connect());
  log.debug('the custodian has answered');
  const tenants = present<TenantBook>(book, 'the configuration');
  const { configuration } = tenants;

  const identifyPeer = async ({ pid, uid }: PeerCredentials): Promise<KnownProcess | undefined> => {
    if (pid <= 0) return undefined;
    const { process: found } = await custodian.ask(CUSTODIAN_MILLIS_MAX, 'identify', { pid });
    // The number may have come to mean another user's process since it connected.
    if (found?.uids.includes(uid) !== true) return undefined;
    const { startTicks, cgroup } = found;
    return { process: { uid, pid, startTicks }, cgroup };
  };
  const identifyProcess = async (peer: PeerCredentials): Promise<ProcessName | undefined> =>
    (await identifyPeer(peer))?.process;
  const whenEngineUp = () => engine.whenUp(ENGINE_MILLIS_MAX);
  const host = new Host(readHostLimits(), configuration);
  const service = new BrokerService({ tenants, tokens, host, log, engine: whenEngineUp });
  const queues = new Queues(service);
  const overview = new Overview(service, () => ({
    uptimeMillis: Math.round(performance.now() - startedMillis),
    connections: connections.size,
    processes: [
      { name: 'broker', pid: process.pid, isConnected: true },
      { name: 'custodian', pid: custodian.pid, isConnected: custodian.isUp },
      { name: 'engine', pid: engine.pid, isConnected: engine.isUp },
    ],
  }));

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
      onUp: async (link) => {
        await service.adopt(link);
        grpc.setHealth(true);
      },
      onDown: (reason) => {
        log.warn({ reason }, 'the engine is gone');
        grpc.setHealth(false);
      },
    },
  );
  const { limits } = configuration;
  const channelsMax = Object.values(configuration.tenants).map(({ channels }) => channels ?? limits.channels);
  const connectionsPerPayer = Math.max(limits.channels, ...channelsMax) + SPARE_CONNECTIONS;
  const calls = new Calls(connectionsPerPayer * CALLS_PER_CONNECTION);
  const onFailure: OnFailure = (connection, request, error) =>
    service.noteFailure(connection, request, error);
  const grpc = new GrpcServer((name) => connections.find(name), calls, onFailure, log);
  const connections = new Connections(connectionsPerPayer, (socket) => grpc.serve(socket), log);
  await waitFor('engine', engine.connect());
  log.debug({ channels: service.clients.size }, 'the books agree with the engine');

  const admin = new AdminService(service, queues, overview, () => custodian.whenUp(CUSTODIAN_MILLIS_MAX));
  grpc.addService(brokerService, brokerMethods(service, queues, overview));
  grpc.addService(adminService, adminMethods(admin));
  if (configuration.grpc.reflection) grpc.reflect();
  const fdServer = new FdServer(join(options.runtimeDir, FD_SOCKET), tokens, identifyProcess, log);
  await fdServer.listen();
  const unix = new UnixListener(join(options.runtimeDir, GRPC_SOCKET), connections, identifyPeer);
  await unix.listen();
  const tls = await listenForTls(configuration.grpc, connections, identifyProcess, log);
  const metrics = new MetricsServer(() => overview.picture(), log);
  await metrics.listen(configuration.metrics, options.runtimeDir);

  endWhenTold(log, async (ending) => {
    if (ending === 'stop' && engine.isUp) await engine.link.call('drain', { timeoutMillis: DRAIN_MILLIS });
    unix.close();
    tls?.close();
    grpc.close();
    connections.close();
    fdServer.close();
    metrics.close();
    tokens.close();
    engine.close();
    custodian.close();
    lock.close();
  });
  log.info({ devices: Object.keys(configuration.devices) }, 'broker ready');
  tellReady({ figures: () => `${connections.size} connections, ${service.clients.size} channels` });
}

async function listenForTls(
  configuration: GrpcConfiguration,
  connections: Connections,
  identify: Identify,
  log: Logger,
): Promise<TlsListener | undefined> {
  if (configuration.listen === undefined) return undefined;
  const self = await identify({ pid: process.pid, uid: process.getuid?.() ?? 0, gid: 0 });
  const listener = new TlsListener(configuration, connections, present(self, 'this process'), log);
  await listener.listen();
  log.info({ listen: configuration.listen, port: listener.port }, 'serving other hosts over TLS');
  return listener;
}
