// The custodian: the one process with privileges. It holds the lock of the instance, reads the configuration for
// all (configuration.ts), answers what the others can't find out unprivileged, keeps the engine's descriptors for the
// next engine (vault.ts), and owns the hardware (hardware.ts).
// It parses nothing that a client wrote: its peers are broker and engine, known by uid, with the requests of
// custodianContract.

import { join } from 'node:path';
import { present } from '../../shared/assert.ts';
import { CUSTODIAN_SOCKET } from '../../shared/runtime-paths.ts';
import { WarpError } from '../../shared/errors.ts';
import type { Fd } from '../../sys/fd.ts';
import { custodianContract, followerContract, vaultContract } from '../contracts.ts';
import { type Handlers, Link } from '../link.ts';
import { LinkServer } from '../link-sockets.ts';
import { createLog } from '../log.ts';
import { endWhenTold, onReload, type RoleOptions, takeRole, tellReady } from '../role.ts';
import { callersByUid, contractFor } from './callers.ts';
import { ConfigurationInForce, type Follower } from './configuration.ts';
import { EngineHardware } from './engine-hardware.ts';
import { Hardware, hardwareOf } from './hardware.ts';
import { Loans } from './loans.ts';
import { identifyProcess } from './processes.ts';
import { Vault } from './vault.ts';

/** Of what each peer does for the custodian, the engine does one part and the broker the other. */
const peerContract = { ...vaultContract, ...followerContract };
type PeerLink = Link<typeof custodianContract, typeof peerContract>;

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
  /** Settles when nothing of an engine that is gone moves any more. */
  let quiesced: Promise<unknown> = Promise.resolve();

  const handlersFor = (
    link: () => PeerLink,
    own: EngineHardware,
    follower: Follower,
  ): Handlers<typeof custodianContract> => ({
    configuration: ({ isFollowing }) => {
      if (isFollowing) configuration.followers.add(follower);
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
      await quiesced;
      await hardware.configure(hardwareOf(configuration.current));
      // All at once: the engine takes some while others are on their way.
      const given = [...vault.batches()].map(({ handles, fds }) => link().call('takeBack', { handles }, fds));
      await Promise.all(given);
      return {};
    },
    checkDevice: async ({ device }) => {
      await own.check(device);
      return {};
    },
    takeQueue: async ({ device }) => {
      const { fd, bounce, ...queue } = await own.takeQueue(device);
      if (bounce === undefined) return { reply: queue, fds: [fd] };
      const { memory, bytes, address } = bounce;
      return { reply: { ...queue, bounce: { bytes, address } }, fds: [fd, memory] };
    },
    returnQueue: async ({ device, id }) => {
      await own.returnQueue(device, id);
      return {};
    },
    mapMemory: async ({ device, bytes }, fds: readonly Fd[]) => ({
      address: (await own.mapMemory(device, present(fds[0], 'the memory'), bytes)) ?? null,
    }),
    unmapMemory: async ({ device, address }) => {
      await own.unmapMemory(device, address);
      return {};
    },
    lendQueue: async (request) => {
      const { fd, deviceApi } = await loans.lend(request);
      if (link().isOpen) return { reply: { deviceApi }, fds: [fd] };
      // Nobody is there to know of it.
      fd.close();
      await loans.end(request);
      throw new WarpError('ENGINE_UNAVAILABLE', { operation: 'lend a hardware queue' });
    },
    endLoan: async (name) => {
      await loans.end(name);
      return {};
    },
    endOtherLoans: async ({ known }) => {
      await loans.endOthers(known);
      return {};
    },
    mapForLoan: async ({ channel, queue, handle, bytes }, fds: readonly Fd[]) => ({
      address: await loans.map({ channel, queue }, handle, present(fds[0], 'the memory'), bytes),
    }),
    unmapForLoan: async ({ channel, queue, handle }) => {
      await loans.unmap({ channel, queue }, handle);
      return {};
    },
    mdevs: () => ({ mdevs: hardware.mdevs() }),
  });

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
    const handlers = handlersFor(() => link, own, follower);
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
