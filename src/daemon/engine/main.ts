// The engine's process: asks the custodian for the configuration, opens the devices, then serves one broker.

import { join } from 'node:path';
import { CUSTODIAN_SOCKET, ENGINE_SOCKET } from '../../shared/runtime-paths.ts';
import { errorNumber } from '../../shared/errors.ts';
import { forbidDumps } from '../../sys/process.ts';
import { brokerContract, custodianContract, engineContract, noContract } from '../contracts.ts';
import { Link } from '../link.ts';
import { LinkServer } from '../link-sockets.ts';
import { Peer } from '../peer.ts';
import { createLog, endWhenTold, lockRole, type RoleOptions, tellReady } from '../role.ts';
import { EngineService } from './service.ts';

/** How long requests in flight may take to finish when the engine is stopped by itself, milliseconds. */
const DRAIN_MILLIS = 5_000;

const BROKER_LOST = errorNumber('BROKER_LOST');

export async function runEngine(options: RoleOptions): Promise<void> {
  const log = createLog('engine', options.logLevel);
  const lock = lockRole('engine', options.runtimeDir);
  forbidDumps();
  const custodian = new Peer(
    'custodian',
    join(options.runtimeDir, CUSTODIAN_SOCKET),
    { serves: noContract, calls: custodianContract },
    {},
    { onUp() {}, onDown: (reason) => log.warn({ reason }, 'the custodian is gone') },
  );
  await custodian.connect();
  const service = new EngineService(await custodian.link.call('configuration', {}), log);

  let broker: Link<typeof engineContract, typeof brokerContract> | undefined;
  const ownUids = new Set([0, process.getuid?.() ?? 0]);
  const server = await LinkServer.listen(join(options.runtimeDir, ENGINE_SOCKET), ownUids, (sockets) => {
    // One broker at a time: a new one has taken the place of one that is gone, noticed or not.
    broker?.close('another broker has connected');
    const link = new Link('broker', sockets, { serves: engineContract, calls: brokerContract }, service);
    broker = link;
    service.onChannelEnded = (channel, reason) => {
      // A broker that is gone has nothing left to account.
      link.call('channelEnded', { channel, reason }).catch(() => {});
    };
    link.onClose = (reason) => {
      if (broker !== link) return;
      broker = undefined;
      service.onChannelEnded = () => {};
      log.warn({ reason }, 'the broker is gone');
      service.endAll(BROKER_LOST);
    };
  });

  endWhenTold(log, async () => {
    await service.drain({ timeoutMillis: DRAIN_MILLIS });
    server.close();
    broker?.close('the engine stops');
    custodian.close();
    await service.close();
    lock.close();
  });
  log.info({ devices: service.engine.devices.map(({ name }) => name) }, 'engine ready');
  tellReady();
}
