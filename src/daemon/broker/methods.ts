// The methods of the gRPC services, by their names in the contract: who serves each, and what takes back what was given to a
// caller that had not waited for it.

import type { ReceivedRequest } from '../../shared/grpc.ts';
import type { AdminService } from './admin.ts';
import type { Methods } from './grpc-server.ts';
import type { Overview } from './overview.ts';
import type { Queues } from './queues.ts';
import { Regions } from './regions.ts';
import type { BrokerService } from './service.ts';
import { Sessions } from './sessions.ts';
import { StreamService } from './streams/stream-service.ts';

export function brokerMethods(service: BrokerService, queues: Queues, overview: Overview): Methods {
  const sessions = new Sessions(service);
  const regions = new Regions(service);
  const streams = new StreamService(service, regions);
  return {
    ListDevices: { call: () => overview.listDevices() },
    GetStatus: { call: (connection) => overview.getStatus(connection) },
    ListQueues: { call: (connection) => overview.listQueues(connection) },
    // A channel whose token nobody redeems ends by itself.
    OpenChannel: { call: (connection, request) => service.openChannel(connection, request) },
    ResumeChannel: { call: (connection, request) => service.resumeChannel(connection, request) },
    CloseChannel: { call: (connection, request) => service.closeChannel(connection, request) },
    RequestQueue: {
      call: (connection, request, signal) => queues.request(connection, request, signal),
      undo: (connection, { channel }: ReceivedRequest<'RequestQueue'>, { queue }: { queue: number }) =>
        queues.release(connection, { channel, queue }),
    },
    MapRegion: { call: (connection, request) => queues.mapRegion(connection, request) },
    ReleaseQueue: { call: (connection, request) => queues.release(connection, request) },
    OpenSession: {
      call: (connection, request) => sessions.open(connection, request),
      undo: (connection, { channel }: ReceivedRequest<'OpenSession'>, { session }: { session: number }) =>
        sessions.close(connection, { channel, session }),
    },
    CloseSession: { call: (connection, request) => sessions.close(connection, request) },
    ShareRegion: {
      call: (connection, request) => regions.share(connection, request),
      undo: (connection, { channel }: ReceivedRequest<'ShareRegion'>, { region }: { region: number }) =>
        regions.release(connection, { channel, region }),
    },
    ReleaseRegion: { call: (connection, request) => regions.release(connection, request) },
    Exchange: { exchanges: (connection, call) => streams.exchange(connection, call) },
    WriteRegion: { reads: (connection, call) => streams.writeRegion(connection, call) },
    ReadRegion: { writes: (connection, call) => streams.readRegion(connection, call) },
  };
}

export function adminMethods(admin: AdminService): Methods {
  return {
    ListDevices: { call: (connection) => admin.listDevices(connection) },
    ListMdevs: { call: (connection) => admin.listMdevs(connection) },
    ListTenants: { call: (connection) => admin.listTenants(connection) },
    ListQueues: { call: (connection) => admin.listQueues(connection) },
    DrainDevice: { call: (connection, request) => admin.drainDevice(connection, request) },
    RevokeLease: { call: (connection, request) => admin.revokeLease(connection, request) },
    Reload: { call: (connection, request) => admin.reload(connection, request) },
  };
}
