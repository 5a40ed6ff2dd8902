// warpctl mdev: the mediated devices of this host, as the kernel shows them. Reads sysfs alone; needs no daemon.

import { existsSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parentNames, readParent, readTypes } from '../hwdrivers/spimdev/parents.ts';
import { listFolder } from '../hwdrivers/spimdev/sysfs.ts';
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
    parent: parentNames(root).find((name) =>
      existsSync(join(root, 'sys/class/spimdev', name, 'device', uuid)),
    ),
    type: linkName(join(folder, uuid, 'mdev_type')),
    group: linkName(join(folder, uuid, 'iommu_group')),
  }));
  const rows = mdevs.map(({ uuid, parent, type, group }) => [uuid, parent ?? '-', type ?? '-', group ?? '-']);
  output.show({ mdevs }, rows.length === 0 ? 'no mdevs\n' : formatTable(mdevColumns, rows));
}

function linkName(path: string): string | undefined {
  try {
    return basename(readlinkSync(path));
  } catch {
    return undefined;
  }
}
