// What the custodian does for broker and engine: the calls of custodianContract, each a few lines on what it has.

import { present } from '../../shared/assert.ts';
import { WarpError } from '../../shared/errors.ts';
import type { Fd } from '../../sys/fd.ts';
import { type custodianContract, followerContract, vaultContract } from '../contracts.ts';
import type { Handlers, Link } from '../link.ts';
import type { ConfigurationInForce, Follower } from './configuration.ts';
import type { EngineHardware } from './engine-hardware.ts';
import { type Hardware, hardwareOf } from './hardware.ts';
import type { Loans } from './loans.ts';
import { identifyProcess } from './processes.ts';
import type { Vault } from './vault.ts';

/** Of what each peer does for the custodian, the engine does one part and the broker the other. */
export const peerContract = { ...vaultContract, ...followerContract };
export type PeerLink = Link<typeof custodianContract, typeof peerContract>;

/** What the custodian has, for all peers. */
export interface Estate {
  readonly configuration: ConfigurationInForce;
  readonly vault: Vault;
  readonly hardware: Hardware;
  readonly loans: Loans;
  /** Settles when nothing of an engine that is gone moves any more. */
  quiesced(): Promise<unknown>;
}

/** What is one peer's. */
interface PeerState {
  link(): PeerLink;
  /** What it has of the hardware, if it is an engine. */
  readonly own: EngineHardware;
  /** Tells it of another configuration. */
  readonly follower: Follower;
}

export function serve(estate: Estate, peer: PeerState): Handlers<typeof custodianContract> {
  const { configuration, vault, hardware, loans } = estate;
  return {
    configuration: ({ isFollowing }) => {
      if (isFollowing) configuration.followers.add(peer.follower);
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
      await estate.quiesced();
      await hardware.configure(hardwareOf(configuration.current));
      // All at once: the engine takes some while others are on their way.
      const given = [...vault.batches()].map(({ handles, fds }) =>
        peer.link().call('takeBack', { handles }, fds),
      );
      await Promise.all(given);
      return {};
    },
    checkDevice: async ({ device }) => {
      await peer.own.check(device);
      return {};
    },
    takeQueue: async ({ device }) => {
      const { fd, bounce, ...queue } = await peer.own.takeQueue(device);
      if (bounce === undefined) return { reply: queue, fds: [fd] };
      const { memory, bytes, address } = bounce;
      return { reply: { ...queue, bounce: { bytes, address } }, fds: [fd, memory] };
    },
    returnQueue: async ({ device, id }) => {
      await peer.own.returnQueue(device, id);
      return {};
    },
    mapMemory: async ({ device, bytes }, fds: readonly Fd[]) => ({
      address: (await peer.own.mapMemory(device, present(fds[0], 'the memory'), bytes)) ?? null,
    }),
    unmapMemory: async ({ device, address }) => {
      await peer.own.unmapMemory(device, address);
      return {};
    },
    lendQueue: async (request) => {
      const { fd, deviceApi } = await loans.lend(request);
      if (peer.link().isOpen) return { reply: { deviceApi }, fds: [fd] };
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
  };
}
