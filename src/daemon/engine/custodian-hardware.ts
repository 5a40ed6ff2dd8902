// The hardware as an engine has it: the custodian's, asked over the link. A custodian that is started again has stopped
// and unmapped all that the one before did; devices hear of that, and ask anew.

import type { Logger } from 'pino';
import { present } from '../../shared/assert.ts';
import type { SpimdevHost, TakenQueue } from '../../hwdrivers/spimdev/host.ts';
import type { Fd } from '../../sys/fd.ts';
import type { custodianContract, vaultContract } from '../contracts.ts';
import type { Link } from '../link.ts';
import type { Peer } from '../peer.ts';

type CustodianPeer = Peer<typeof vaultContract, typeof custodianContract>;
export type CustodianLink = Link<typeof vaultContract, typeof custodianContract>;

/** A custodian that is being started again is waited for: an hour is as good as for ever. Milliseconds. */
const CUSTODIAN_MILLIS_MAX = 3_600_000;

export class CustodianHardware {
  readonly custodian: CustodianPeer;
  readonly log: Logger;
  readonly #listeners: (() => void)[] = [];

  constructor(custodian: CustodianPeer, log: Logger) {
    this.custodian = custodian;
    this.log = log;
  }

  hostOf(device: string): SpimdevHost {
    return new CustodianHost(this, device);
  }

  onRenewed(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Another custodian is there. */
  renew(): void {
    for (const listener of this.#listeners) listener();
  }
}

class CustodianHost implements SpimdevHost {
  readonly #hardware: CustodianHardware;
  readonly #device: string;
  /** By our own numbers: those of a custodian that is gone mean other queues to the next one. */
  readonly #listeners: (() => void)[] = [];
  /** What the device was when a queue was taken last. */
  #mdev: string | undefined;
  readonly #taken = new Map<number, { readonly link: CustodianLink; readonly id: number }>();
  #lastId = 0;

  constructor(hardware: CustodianHardware, device: string) {
    this.#hardware = hardware;
    this.#device = device;
    hardware.onRenewed(() => {
      this.#mdev = undefined;
      this.#renew();
    });
  }

  #renew(): void {
    for (const listener of this.#listeners) listener();
  }

  async check(): Promise<void> {
    await this.#hardware.custodian.ask(CUSTODIAN_MILLIS_MAX, 'checkDevice', { device: this.#device });
  }

  takeQueue(): Promise<TakenQueue> {
    return this.#hardware.custodian.repeat(CUSTODIAN_MILLIS_MAX, async (link) => {
      const { reply, fds } = await link.callForFds('takeQueue', { device: this.#device });
      const { mdev, bounce, ...queue } = reply;
      const isRenewed = this.#mdev !== undefined && this.#mdev !== mdev;
      this.#mdev = mdev;
      // The parent was taken away, and is back.
      if (isRenewed) this.#renew();
      const id = ++this.#lastId;
      this.#taken.set(id, { link, id: queue.id });
      const taken = { ...queue, id, fd: fds[0] as Fd };
      if (bounce === undefined) return taken;
      return { ...taken, bounce: { ...bounce, memory: present(fds[1], 'the memory') } };
    });
  }

  async returnQueue(number: number): Promise<void> {
    const taken = this.#taken.get(number);
    this.#taken.delete(number);
    if (taken?.link.isOpen === true) {
      await taken.link.call('returnQueue', { device: this.#device, id: taken.id });
    }
  }

  async mapMemory(memory: Fd, bytes: number): Promise<number | undefined> {
    const link = this.#link;
    try {
      const { address } = await link.call('mapMemory', { device: this.#device, bytes }, [memory]);
      return address ?? undefined;
    } catch (error) {
      if (link.isOpen) {
        const { log } = this.#hardware;
        log.error({ device: this.#device, bytes, err: error }, 'a region can not be reached by a device');
      }
      throw error;
    }
  }

  async unmapMemory(address: number): Promise<void> {
    await this.#link.call('unmapMemory', { device: this.#device, address });
  }

  onRenewed(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Throws ENGINE_UNAVAILABLE while there is none. */
  get #link(): CustodianLink {
    return this.#hardware.custodian.link;
  }
}
