// The custodian: the one process with privileges. It holds the lock of the instance, reads the configuration for
// all, and answers what the others can't find out unprivileged. It parses nothing that a client wrote: its peers
// are broker and engine, known by uid, with the requests of custodianContract.

import { join } from 'node:path';
import { CUSTODIAN_SOCKET } from '../../shared/runtime-paths.ts';
import { readConfiguration } from '../config/config.ts';
import { custodianContract, noContract } from '../contracts.ts';
import { Link } from '../link.ts';
import { LinkServer } from '../link-sockets.ts';
import { createLog, endWhenTold, lockRole, type RoleOptions, tellReady } from '../role.ts';
import { identifyProcess } from './processes.ts';

export async function runCustodian(options: RoleOptions): Promise<void> {
  const log = createLog('custodian', options.logLevel);
  const lock = lockRole('custodian', options.runtimeDir);
  const configuration = readConfiguration(options.configPath);
  const handlers = {
    configuration: () => configuration,
    identify: ({ pid }: { pid: number }) => ({ process: identifyProcess(pid) ?? null }),
  };
  const links = new Set<Link<typeof custodianContract, typeof noContract>>();
  const ownUids = new Set([0, process.getuid?.() ?? 0]);
  const server = await LinkServer.listen(join(options.runtimeDir, CUSTODIAN_SOCKET), ownUids, (sockets) => {
    const link = new Link('peer', sockets, { serves: custodianContract, calls: noContract }, handlers);
    links.add(link);
    link.onClose = () => links.delete(link);
  });
  endWhenTold(log, () => {
    server.close();
    for (const link of links) link.close('the custodian stops');
    lock.close();
    return Promise.resolve();
  });
  log.info({ devices: Object.keys(configuration.devices) }, 'custodian ready');
  tellReady();
}
