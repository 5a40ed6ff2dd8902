// The custodian: the one process with privileges. It holds the lock of the instance, reads the configuration for
// all, answers what the others can't find out unprivileged, and keeps the engine's descriptors for the next engine.
// It parses nothing that a client wrote: its peers are broker and engine, known by uid, with the requests of
// custodianContract.

import { join } from 'node:path';
import { present } from '../../shared/assert.ts';
import { CUSTODIAN_SOCKET } from '../../shared/runtime-paths.ts';
import type { Fd } from '../../sys/fd.ts';
import { readConfiguration } from '../config/config.ts';
import { requireInEffect } from '../config/in-effect.ts';
import { custodianContract, vaultContract } from '../contracts.ts';
import { type Handlers, Link } from '../link.ts';
import { LinkServer } from '../link-sockets.ts';
import { createLog, endWhenTold, lockRole, type RoleOptions, tellReady } from '../role.ts';
import { identifyProcess } from './processes.ts';
import { Vault } from './vault.ts';

type PeerLink = Link<typeof custodianContract, typeof vaultContract>;

export async function runCustodian(options: RoleOptions): Promise<void> {
  const log = createLog('custodian', options.logLevel);
  const lock = lockRole('custodian', options.runtimeDir);
  const configuration = readConfiguration(options.configPath);
  requireInEffect(configuration);
  const vault = new Vault();

  const handlersFor = (link: () => PeerLink): Handlers<typeof custodianContract> => ({
    configuration: () => configuration,
    identify: ({ pid }) => ({ process: identifyProcess(pid) ?? null }),
    store: ({ handles }, fds: readonly Fd[]) => {
      vault.store(handles, fds);
      return {};
    },
    forget: ({ handles }) => {
      vault.forget(handles);
      return {};
    },
    giveBack: async () => {
      for (const { handles, fds } of vault.batches()) await link().call('takeBack', { handles }, fds);
      return {};
    },
  });

  const links = new Set<PeerLink>();
  const ownUids = new Set([0, process.getuid?.() ?? 0]);
  const server = await LinkServer.listen(join(options.runtimeDir, CUSTODIAN_SOCKET), ownUids, (sockets) => {
    let link: PeerLink | undefined = undefined;
    const handlers = handlersFor(() => present(link, 'the link that called'));
    link = new Link('peer', sockets, { serves: custodianContract, calls: vaultContract }, handlers);
    const opened = link;
    links.add(opened);
    opened.onClose = () => links.delete(opened);
  });
  endWhenTold(log, () => {
    server.close();
    for (const link of links) link.close('the custodian stops');
    vault.close();
    lock.close();
    return Promise.resolve();
  });
  log.info({ devices: Object.keys(configuration.devices) }, 'custodian ready');
  tellReady();
}
