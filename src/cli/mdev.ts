// warpctl mdev: the mediated devices of this host, as the kernel has them. Uses sysfs alone; needs no daemon. What is made
// here is nobody's but the administrator's: the daemon doesn't touch it.

import { randomUUID } from 'node:crypto';
import { existsSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { checkUnused, createMdev, mdevPath, removeMdev } from '../hwdrivers/spimdev/mdevs.ts';
import { parentNames, readParent, readTypeFor, readTypes } from '../hwdrivers/spimdev/parents.ts';
import { listFolder, unusable } from '../hwdrivers/spimdev/sysfs.ts';
import { type Column, formatTable, type Output } from './output.ts';

const typeColumns: readonly Column[] = [
  { title: 'PARENT', align: 'left' },
  { title: 'TYPE', align: 'left' },
  { title: 'QUEUES LEFT', align: 'right' },
  { title: 'QUEUE FORMAT', align: 'left' },
];

const mdevColumns: readonly Column[] = [
  { title: 'UUID', align: 'left' },
  { title: 'PARENT', align: 'left' },
  { title: 'TYPE', align: 'left' },
  { title: 'GROUP', align: 'left' },
];

/** What the parents offer. */
export function showMdevTypes(output: Output, root: string): void {
  const types = parentNames(root).flatMap((name) =>
    readTypes(readParent(name, root)).map((type) => Object.assign({ parent: name }, type)),
  );
  const rows = types.map(({ parent, name, available, deviceApi }) => [
    parent,
    name,
    String(available),
    deviceApi,
  ]);
  output.show({ types }, rows.length === 0 ? 'no SPIMDEV parent\n' : formatTable(typeColumns, rows));
}

/** The mdevs that there are, whoever made them. */
export function showMdevs(output: Output, root: string): void {
  const folder = join(root, 'sys/bus/mdev/devices');
  const mdevs = listFolder(folder).map((uuid) => ({
    uuid,
    parent: parentOf(uuid, root),
    type: linkName(join(folder, uuid, 'mdev_type')),
    group: linkName(join(folder, uuid, 'iommu_group')),
  }));
  const rows = mdevs.map(({ uuid, parent, type, group }) => [uuid, parent ?? '-', type ?? '-', group ?? '-']);
  output.show({ mdevs }, rows.length === 0 ? 'no mdevs\n' : formatTable(mdevColumns, rows));
}

interface NewMdev {
  readonly parent: string;
  readonly algorithm: string;
  readonly uuid: string | undefined;
  readonly root: string;
}

export async function createByHand(output: Output, wanted: NewMdev): Promise<void> {
  const { algorithm, uuid = randomUUID(), root } = wanted;
  const parent = readParent(wanted.parent, root);
  const type = readTypeFor(parent, algorithm);
  await createMdev(parent, type, uuid, root);
  output.show({ uuid, parent: parent.name, type: type.name }, `${uuid}\n`);
}

export async function removeByHand(
  output: Output,
  uuid: string,
  { deadlineMillis, root }: { readonly deadlineMillis: number; readonly root: string },
): Promise<void> {
  const parent = parentOf(uuid, root);
  if (parent === undefined) {
    const hint = '"warpctl mdev list" tells what there is';
    throw unusable(`remove the mdev ${uuid}`, 'no parent has an mdev of this UUID', hint);
  }
  checkUnused({ uuid, parent }, root);
  await removeMdev({ uuid, parent }, { deadlineMillis, root });
  output.show({ uuid }, `${uuid} is gone\n`);
}

function parentOf(uuid: string, root: string): string | undefined {
  return parentNames(root).find((parent) => existsSync(mdevPath({ uuid, parent }, root)));
}

function linkName(path: string): string | undefined {
  try {
    return basename(readlinkSync(path));
  } catch {
    return undefined;
  }
}
