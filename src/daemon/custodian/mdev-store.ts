// The mdevs of this instance: creates them, knows them again after a life that ended badly, removes them, and never
// touches one that it didn't make.
//
//     <state folder>/lock               held by the one process that may do all this
//                    instance           who we are
//                    mdevs/<uuid>.json  the mark of an mdev: written before it is created, gone after it is removed
//
// An mdev is gone after a reboot, and its UUID could be given again: a mark of another boot says nothing.

import { randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import type { MdevType, Parent } from '../../hwdrivers/spimdev/parents.ts';
import { unusable } from '../../hwdrivers/spimdev/sysfs.ts';
import { WarpError } from '../../shared/errors.ts';
import { errnoName } from '../../sys/errno.ts';
import { Fd } from '../../sys/fd.ts';
import { tryLock } from '../../sys/process.ts';
import { describeHolders } from './holders.ts';
import { writeSysfs } from './sysfs-writer.ts';

/** Creating takes milliseconds, unless the parent is just going away; starting the helper on a busy host takes longer. */
const CREATE_MILLIS_MAX = 30_000;
/** How often the kernel is looked at for an mdev that is going away: it tells nobody when it is gone. */
const GONE_POLL_MILLIS = 20;

const markSchema = z.strictObject({
  uuid: z.uuid(),
  instance: z.uuid(),
  bootId: z.string(),
  parent: z.string(),
  type: z.string(),
});

export interface Mdev {
  readonly uuid: string;
  /** Names of the parent, and of the type. */
  readonly parent: string;
  readonly type: string;
}

export interface MdevStoreOptions {
  readonly stateDir: string;
  readonly root?: string;
}

export class MdevStore {
  readonly instance: string;
  readonly #root: string;
  readonly #marks: string;
  readonly #lock: Fd;
  readonly #bootId: string;

  /** Throws ALREADY_RUNNING if another process has the folder. */
  constructor({ stateDir, root = '/' }: MdevStoreOptions) {
    this.#root = root;
    this.#marks = join(stateDir, 'mdevs');
    mkdirSync(this.#marks, { recursive: true, mode: 0o700 });
    const path = join(stateDir, 'lock');
    this.#lock = new Fd(openSync(path, 'a'), path);
    if (!tryLock(this.#lock)) {
      this.#lock.close();
      const found = 'another process has locked it';
      throw new WarpError('ALREADY_RUNNING', { operation: `own the mdevs of ${stateDir}`, found });
    }
    this.#bootId = readFileSync(join(root, 'proc/sys/kernel/random/boot_id'), 'utf8').trim();
    this.instance = readOrMakeInstance(join(stateDir, 'instance'));
  }

  /** The mdevs that exist and are ours. Marks of others that are gone are dropped. */
  list(): Mdev[] {
    const mdevs: Mdev[] = [];
    for (const file of readdirSync(this.#marks)) {
      const mark = this.#readMark(file);
      if (mark === undefined) continue;
      const isHere = mark.bootId === this.#bootId && existsSync(this.#devicePath(mark));
      if (isHere) mdevs.push({ uuid: mark.uuid, parent: mark.parent, type: mark.type });
      else rmSync(join(this.#marks, file));
    }
    return mdevs;
  }

  /** Throws DEVICE_UNUSABLE if the kernel refuses; nothing half-created is left then. */
  async create(parent: Parent, type: MdevType, uuid: string = randomUUID()): Promise<Mdev> {
    const mdev = { uuid, parent: parent.name, type: type.name };
    const operation = `create an mdev ${type.name} on ${parent.name}`;
    const taken = join(this.#root, 'sys/bus/mdev/devices', uuid);
    if (existsSync(taken)) {
      throw unusable(operation, `${taken} exists already`, 'choose another UUID, or none');
    }
    const mark = join(this.#marks, `${uuid}.json`);
    writeFileSync(mark, JSON.stringify({ ...mdev, instance: this.instance, bootId: this.#bootId }), {
      flush: true,
    });
    const path = join(type.path, 'create');
    const outcome = await writeSysfs(path, uuid, { deadlineMillis: CREATE_MILLIS_MAX });
    if (outcome === 0 && existsSync(this.#devicePath(mdev))) return mdev;
    // A late write may still make it: then the mark has to stay, so that it is known as ours.
    if (outcome !== 'late') rmSync(mark);
    throw unusable(operation, `${path}: ${describeOutcome(outcome)}`, createHint(outcome));
  }

  /**
   * Removes one of ours; it is gone, then. Throws DEADLINE_EXCEEDED if somebody still uses it: the kernel removes it when
   * they let go, and the mark stays until then.
   */
  async remove(mdev: Mdev, options: { readonly deadlineMillis: number }): Promise<void> {
    const { uuid } = mdev;
    const device = this.#devicePath(mdev);
    const mark = join(this.#marks, `${uuid}.json`);
    const operation = `remove the mdev ${uuid}`;
    if (this.#readMark(`${uuid}.json`) === undefined) {
      throw unusable(operation, 'it is not ours', 'whoever has made it can remove it');
    }
    const path = join(device, 'remove');
    const groupPath = this.#groupPath(device);
    const endMillis = performance.now() + options.deadlineMillis;
    // The kernel takes the attribute away as soon as one removal has begun.
    const outcome = existsSync(path) ? await writeSysfs(path, '1', options) : 'late';
    while (existsSync(device) && performance.now() < endMillis) await setTimeout(GONE_POLL_MILLIS);
    if (!existsSync(device)) {
      rmSync(mark, { force: true });
      return;
    }
    const found = `${path}: ${describeOutcome(outcome)}`;
    const hint = groupPath === undefined ? undefined : describeHolders(groupPath, this.#root);
    throw new WarpError(outcome === 'late' ? 'DEADLINE_EXCEEDED' : 'DEVICE_UNUSABLE', {
      operation,
      found,
      hint,
    });
  }

  /** Removes what an earlier life has left, one after the other; what can't be removed is returned with the reason. */
  async removeLeftovers(options: { readonly deadlineMillis: number }): Promise<Map<Mdev, WarpError>> {
    const failures = new Map<Mdev, WarpError>();
    for (const mdev of this.list()) {
      await this.remove(mdev, options).catch((error: unknown) => {
        if (!(error instanceof WarpError)) throw error;
        failures.set(mdev, error);
      });
    }
    return failures;
  }

  /** Lets another process own the mdevs. */
  close(): void {
    this.#lock.close();
  }

  /** Below its parent: on the mdev bus it is not to be seen any more while its removal waits for who has it open. */
  #devicePath({ parent, uuid }: Pick<Mdev, 'parent' | 'uuid'>): string {
    return join(this.#root, 'sys/class/spimdev', parent, 'device', uuid);
  }

  #groupPath(device: string): string | undefined {
    try {
      const group = basename(readlinkSync(join(device, 'iommu_group')));
      return join(this.#root, 'dev/vfio', group);
    } catch {
      return undefined;
    }
  }

  /** undefined if it is not one of ours, or can't be read: then nothing is done with it. */
  #readMark(file: string): z.infer<typeof markSchema> | undefined {
    try {
      const mark = markSchema.parse(JSON.parse(readFileSync(join(this.#marks, file), 'utf8')));
      return mark.instance === this.instance && file === `${mark.uuid}.json` ? mark : undefined;
    } catch {
      return undefined;
    }
  }
}

function readOrMakeInstance(path: string): string {
  if (!existsSync(path)) writeFileSync(path, `${randomUUID()}\n`, { flush: true });
  return readFileSync(path, 'utf8').trim();
}

function describeOutcome(outcome: number | 'late'): string {
  if (outcome === 'late') return 'the kernel has not answered in time';
  return outcome === 0 ? 'the kernel took it, but did nothing' : `the kernel answered ${errnoName(outcome)}`;
}

const createHints: Readonly<Record<string, string>> = {
  EEXIST: 'the UUID is taken: choose another one, or none',
  EINVAL: 'the kernel does not take this UUID',
  EUSERS: 'no instances are left: remove an mdev that is not needed',
  ENOSPC: 'no instances are left: remove an mdev that is not needed',
  EACCES: 'the custodian has to run as root',
  EROFS: 'the sandbox of the custodian makes sysfs read-only: allow it the folder of the parent',
  ENOENT: 'the parent, or its driver, is gone',
  ENODEV: 'the parent is going away',
};

function createHint(outcome: number | 'late'): string | undefined {
  return outcome === 'late' ? undefined : createHints[errnoName(outcome)];
}
