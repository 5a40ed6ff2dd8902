// The custodian: the one process with privileges. It holds the lock of the instance, reads the configuration for
// all (configuration.ts), answers what the others can't find out unprivileged, and keeps the engine's descriptors for the next engine.
// It parses nothing that a client wrote: its peers are broker and engine, known by uid, with the requests of
// custodianContract.

import { join } from 'node:path';
import { present } from '../../shared/assert.ts';
import { CUSTODIAN_SOCKET } from '../../shared/runtime-paths.ts';
import type { Fd } from '../../sys/fd.ts';
import { custodianContract, followerContract, vaultContract } from '../contracts.ts';
import { type Handlers, Link } from '../link.ts';
import { LinkServer } from '../link-sockets.ts';
import { createLog } from '../log.ts';
import { endWhenTold, lockRole, onReload, type RoleOptions, tellReady } from '../role.ts';
import { callersByUid, contractFor } from './callers.ts';
import { ConfigurationInForce, type Follower } from './configuration.ts';
import { identifyProcess } from './processes.ts';
import { Vault } from './vault.ts';

/** Of what each peer does for the custodian, the engine does one part and the broker the other. */
const peerContract = { ...vaultContract, ...followerContract };
type PeerLink = Link<typeof custodianContract, typeof peerContract>;

export async function runCustodian(options: RoleOptions): Promise<void> {
  const log = createLog('custodian', options.logLevel);
  const lock = lockRole('custodian', options.runtimeDir);
  const configuration = new ConfigurationInForce(options.configPath, options.runtimeDir, log);
  const vault = new Vault();

  const handlersFor = (link: () => PeerLink): Handlers<typeof custodianContract> => ({
    configuration: ({ isFollowing }) => {
      if (isFollowing) follow(link());
      return configuration.current;
    },
    reload: async ({ isDry, uid, pid }) => ({
      changes: await configuration.reload({ isDry, by: { uid, pid } }),
    }),
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

  const links = new Map<PeerLink, Follower | undefined>();
  const follow = (link: PeerLink): void => {
    const follower: Follower = (next) =>
      link.call('reconfigure', next).catch((error: unknown) => {
        // One that is gone asks anew when it is back.
        if (link.isOpen) log.error({ err: error }, 'a process did not take the configuration');
      });
    links.set(link, follower);
    configuration.followers.add(follower);
  };
  const callers = callersByUid(options);
  const path = join(options.runtimeDir, CUSTODIAN_SOCKET);
  const server = await LinkServer.listen(path, new Set(callers.keys()), (sockets, uid) => {
    let link: PeerLink | undefined = undefined;
    const handlers = handlersFor(() => present(link, 'the link that called'));
    const serves = contractFor(present(callers.get(uid), 'an allowed user'));
    link = new Link('peer', sockets, { serves, calls: peerContract }, handlers);
    const opened = link;
    links.set(opened, undefined);
    opened.onClose = () => {
      const follower = links.get(opened);
      if (follower !== undefined) configuration.followers.delete(follower);
      links.delete(opened);
    };
  });
  endWhenTold(log, (ending) => {
    server.close();
    for (const link of links.keys()) link.close('the custodian stops');
    vault.close();
    if (ending === 'stop') configuration.close();
    lock.close();
    return Promise.resolve();
  });
  onReload(() =>
    configuration.reload({ isDry: false, by: { by: 'SIGHUP' } }).catch((error: unknown) => {
      log.error({ err: error }, 'the configuration was not reloaded: what is in force stays');
    }),
  );
  log.info({ devices: Object.keys(configuration.current.devices) }, 'custodian ready');
  tellReady({
    figures: () => `${links.size} processes connected, ${vault.size} descriptors kept for the engine`,
  });
}
