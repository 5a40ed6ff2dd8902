// The custodian: the one process with privileges. It holds the lock of the instance, reads the configuration for
// all (configuration.ts), answers what the others can't find out unprivileged, keeps the engine's descriptors for the
// next engine (vault.ts), and owns the hardware (hardware.ts).
// It parses nothing that a client wrote: its peers are broker and engine, known by uid, with the requests of
// custodianContract.

import { join } from 'node:path';
import { present } from '../../shared/assert.ts';
import { CUSTODIAN_SOCKET } from '../../shared/runtime-paths.ts';
import { Link } from '../link.ts';
import { LinkServer } from '../link-sockets.ts';
import { createLog } from '../log.ts';
import { endWhenTold, onReload, type RoleOptions, takeRole, tellReady } from '../role.ts';
import { callersByUid, contractFor } from './callers.ts';
import { ConfigurationInForce, type Follower } from './configuration.ts';
import { EngineHardware } from './engine-hardware.ts';
import { Hardware, hardwareOf } from './hardware.ts';
import { Loans } from './loans.ts';
import { type Estate, type PeerLink, peerContract, serve } from './service.ts';
import { Vault } from './vault.ts';

export async function runCustodian(options: RoleOptions): Promise<void> {
  const log = createLog('custodian', options.logLevel);
  const lock = await takeRole('custodian', options);
  const configuration = new ConfigurationInForce(options.configPath, options.runtimeDir, log);
  const vault = new Vault();
  const hardware = await Hardware.start(hardwareOf(configuration.current), {
    stateDir: options.stateDir,
    onTrouble: (device, { code, found, hint, message }) =>
      log.error({ device, code, found, hint }, `trouble with a hardware device: ${message}`),
    onUnguarded: (device) =>
      log.warn(
        { device },
        'a device without an IOMMU is used (allow_noiommu): it reaches all memory of this machine, and so does the engine',
      ),
  });
  const loans = new Loans(hardware);
  let quiesced: Promise<unknown> = Promise.resolve();
  const estate: Estate = { configuration, vault, hardware, loans, quiesced: () => quiesced };
  const links = new Set<PeerLink>();
  const callers = callersByUid(options);
  const path = join(options.runtimeDir, CUSTODIAN_SOCKET);
  const server = await LinkServer.listen(path, new Set(callers.keys()), (sockets, uid) => {
    const own = new EngineHardware(hardware);
    const follower: Follower = (next) =>
      link.call('reconfigure', next).catch((error: unknown) => {
        // One that is gone asks anew when it is back.
        if (link.isOpen) log.error({ err: error }, 'a process did not take the configuration');
      });
    const serves = contractFor(present(callers.get(uid), 'an allowed user'));
    const handlers = serve(estate, { link: () => link, own, follower });
    const link: PeerLink = new Link('peer', sockets, { serves, calls: peerContract }, handlers);
    links.add(link);
    link.onClose = () => {
      links.delete(link);
      configuration.followers.delete(follower);
      const released = own.release().catch((error: unknown) => {
        log.error({ err: error }, 'hardware of an engine that is gone could not be let go of in order');
      });
      quiesced = Promise.all([quiesced, released]);
    };
  });
  endWhenTold(log, async (ending) => {
    server.close();
    for (const link of links) link.close('the custodian stops');
    await quiesced;
    await hardware.close();
    vault.close();
    if (ending === 'stop') configuration.close();
    lock.close();
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
