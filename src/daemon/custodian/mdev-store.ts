// The mdevs of this instance: creates them, knows them again after a life that ended badly, removes them, and never
// touches one that it didn't make.
//
//     <state folder>/lock               held by the one process that may do all this
//                    instance           who we are
//                    mdevs/<uuid>.json  the mark of an mdev: written before it is created, gone after it is removed
//
// An mdev is gone after a reboot, and its UUID could be given again: a mark of another boot says nothing.

import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { checkFree, createMdev, mdevPath, removeMdev } from '../../hwdrivers/spimdev/mdevs.ts';
import type { MdevType, Parent } from '../../hwdrivers/spimdev/parents.ts';
import { unusable } from '../../hwdrivers/spimdev/sysfs.ts';
import { WarpError } from '../../shared/errors.ts';
import { Fd } from '../../sys/fd.ts';
import { tryLock } from '../../sys/process.ts';

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
      const isHere = mark.bootId === this.#bootId && existsSync(mdevPath(mark, this.#root));
      if (isHere) mdevs.push({ uuid: mark.uuid, parent: mark.parent, type: mark.type });
      else rmSync(join(this.#marks, file));
    }
    return mdevs;
  }

  /** Throws DEVICE_UNUSABLE if the kernel refuses; nothing half-created is left then. */
  async create(parent: Parent, type: MdevType, uuid: string = randomUUID()): Promise<Mdev> {
    const mdev = { uuid, parent: parent.name, type: type.name };
    // Before the mark is there: what has the UUID is not ours.
    checkFree(uuid, `create an mdev ${type.name} on ${parent.name}`, this.#root);
    const mark = this.#markPath(uuid);
    writeFileSync(mark, JSON.stringify({ ...mdev, instance: this.instance, bootId: this.#bootId }), {
      flush: true,
    });
    try {
      await createMdev(parent, type, uuid, this.#root);
    } catch (error) {
      // A late write may still make it: then the mark has to stay, so that it is known as ours.
      if (!(error instanceof WarpError) || error.code !== 'DEADLINE_EXCEEDED') rmSync(mark);
      throw error;
    }
    return mdev;
  }

  /**
   * Removes one of ours; it is gone, then. Throws DEADLINE_EXCEEDED if somebody still uses it: the kernel removes it when
   * they let go, and the mark stays until then.
   */
  async remove(mdev: Mdev, { deadlineMillis }: { readonly deadlineMillis: number }): Promise<void> {
    const { uuid } = mdev;
    if (this.#readMark(`${uuid}.json`) === undefined) {
      throw unusable(`remove the mdev ${uuid}`, 'it is not ours', 'whoever has made it can remove it');
    }
    await removeMdev(mdev, { deadlineMillis, root: this.#root });
    rmSync(this.#markPath(uuid), { force: true });
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

  #markPath(uuid: string): string {
    return join(this.#marks, `${uuid}.json`);
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
