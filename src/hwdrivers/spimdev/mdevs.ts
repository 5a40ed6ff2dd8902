// Makes and removes mdevs through sysfs, whoever wants to. The kernel may take as long as others like: each write is done
// by a helper process, and waited for up to a deadline.

import { existsSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { WarpError } from '../../shared/errors.ts';
import { errnoName } from '../../sys/errno.ts';
import { describeHolders, isHeld } from './holders.ts';
import type { MdevType, Parent } from './parents.ts';
import { unusable } from './sysfs.ts';
import { writeSysfs } from './sysfs-writer.ts';

/** Creating takes milliseconds, unless the parent is just going away. */
const CREATE_MILLIS_MAX = 10_000;
/** How often the kernel is looked at for an mdev that is going away: it tells nobody when it is gone. */
const GONE_POLL_MILLIS = 20;

export interface MdevPlace {
  readonly uuid: string;
  /** Name of its parent. */
  readonly parent: string;
}

/** Below its parent: on the mdev bus it is not to be seen any more while its removal waits for who has it open. */
export function mdevPath({ uuid, parent }: MdevPlace, root = '/'): string {
  return join(root, 'sys/class/spimdev', parent, 'device', uuid);
}

/** Throws DEVICE_UNUSABLE if the UUID is taken. */
export function checkFree(uuid: string, operation: string, root = '/'): void {
  const taken = join(root, 'sys/bus/mdev/devices', uuid);
  if (existsSync(taken)) throw unusable(operation, `${taken} exists already`, 'choose another UUID, or none');
}

/**
 * Makes an mdev. Throws DEVICE_UNUSABLE if the kernel refuses: nothing is left then; DEADLINE_EXCEEDED if it does not
 * answer, in which case it may still make it.
 */
export async function createMdev(parent: Parent, type: MdevType, uuid: string, root = '/'): Promise<void> {
  const operation = `create an mdev ${type.name} on ${parent.name}`;
  checkFree(uuid, operation, root);
  const path = join(type.path, 'create');
  const outcome = await writeSysfs(path, uuid, { deadlineMillis: CREATE_MILLIS_MAX });
  if (outcome === 0 && existsSync(mdevPath({ uuid, parent: parent.name }, root))) return;
  const found = `${path}: ${describeOutcome(outcome)}`;
  if (outcome === 'late') throw new WarpError('DEADLINE_EXCEEDED', { operation, found });
  throw unusable(operation, found, createHints[errnoName(outcome)]);
}

/**
 * Removes an mdev; it is gone, then. Throws DEADLINE_EXCEEDED, with who holds it, if somebody still uses it: the kernel
 * removes it when they let go.
 */
export async function removeMdev(
  mdev: MdevPlace,
  { deadlineMillis, root = '/' }: { readonly deadlineMillis: number; readonly root?: string },
): Promise<void> {
  const device = mdevPath(mdev, root);
  const path = join(device, 'remove');
  const groupPath = groupPathOf(device, root);
  // The kernel takes the attribute away as soon as one removal has begun.
  const hasBegun = !existsSync(path);
  const outcome = hasBegun ? 'late' : await writeSysfs(path, '1', { deadlineMillis });
  const endMillis = performance.now() + (hasBegun ? deadlineMillis : 0);
  while (existsSync(device) && performance.now() < endMillis) await setTimeout(GONE_POLL_MILLIS);
  if (!existsSync(device)) return;
  throw new WarpError(outcome === 'late' ? 'DEADLINE_EXCEEDED' : 'DEVICE_UNUSABLE', {
    operation: `remove the mdev ${mdev.uuid}`,
    found: `${path}: ${describeOutcome(outcome)}`,
    hint: groupPath === undefined ? undefined : describeHolders(groupPath, root),
  });
}

/** Throws DEVICE_UNUSABLE, with who it is, if somebody has the mdev open. */
export function checkUnused(mdev: MdevPlace, root = '/'): void {
  const groupPath = groupPathOf(mdevPath(mdev, root), root);
  if (groupPath === undefined || !isHeld(groupPath, root)) return;
  const hint = 'have them let go of it first: the kernel would remove it under their hands';
  throw unusable(`remove the mdev ${mdev.uuid}`, describeHolders(groupPath, root), hint);
}

function groupPathOf(device: string, root: string): string | undefined {
  try {
    const group = basename(readlinkSync(join(device, 'iommu_group')));
    return join(root, 'dev/vfio', group);
  } catch {
    return undefined;
  }
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
  EACCES: 'only root can do that',
  EROFS: 'sysfs is read-only here: a sandbox has to allow the folder of the parent',
  ENOENT: 'the parent, or its driver, is gone',
  ENODEV: 'the parent is going away',
};
