// The SPIMDEV parents of a host, as sysfs shows them:
//
//     /sys/class/spimdev/<name>/device/            the parent
//         params/{iommu_type,dma_flag}             its abilities; openEuler calls the group spimdev_para
//         mdev_supported_types/<drv>-<alg>/        a type for each algorithm
//             available_instances                  hardware queues that are left
//             device_api                           the format of its queues
//         <uuid>/                                  an mdev

import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { listFolder, readAttribute, readNumber, unusable } from './sysfs.ts';

const CLASS_FOLDER = 'sys/class/spimdev';
const TYPES_FOLDER = 'mdev_supported_types';

/** Kernels differ in how they call the group of attributes; by it we know whose kernel it is. */
const variants = [
  { name: 'RFC v1', group: 'params' },
  { name: 'openEuler', group: 'spimdev_para' },
] as const;
type Variant = (typeof variants)[number]['name'];

export interface MdevType {
  /** <drv>-<alg>, the name of its folder. */
  readonly name: string;
  readonly algorithm: string;
  readonly path: string;
  readonly deviceApi: string;
  /** Hardware queues that are left, not mdevs. */
  readonly available: number;
}

export interface Parent {
  /** In /sys/class/spimdev. */
  readonly name: string;
  /** Its folder below /sys/devices. */
  readonly path: string;
  readonly variant: Variant;
  readonly iommuType: number;
  readonly dmaFlag: number;
}

export function parentNames(root = '/'): string[] {
  return listFolder(join(root, CLASS_FOLDER));
}

/** Throws DEVICE_UNUSABLE where there is no such parent, or its attributes are not what we know. */
export function readParent(name: string, root = '/'): Parent {
  const operation = `look at the SPIMDEV parent "${name}"`;
  const link = join(root, CLASS_FOLDER, name, 'device');
  if (!existsSync(link)) {
    const others = parentNames(root).join(', ');
    const hint = others === '' ? 'load the kernel module of the device' : `there are: ${others}`;
    throw unusable(operation, `${link} does not exist`, hint);
  }
  const path = realpathSync(link);
  const variant = variants.find(({ group }) => existsSync(join(path, group)));
  if (variant === undefined) {
    const groups = variants.map(({ group, name }) => `${group} (${name})`).join(', ');
    throw unusable(operation, `${path} has none of the groups ${groups}`, 'this kernel is not supported');
  }
  const group = join(path, variant.group);
  const iommuType = readNumber(join(group, 'iommu_type'));
  const dmaFlag = readNumber(join(group, 'dma_flag'));
  return { name, path, variant: variant.name, iommuType, dmaFlag };
}

export function readTypes({ name, path }: Parent): MdevType[] {
  const folder = join(path, TYPES_FOLDER);
  const names = listFolder(folder);
  if (names.length > 0) return names.map((type) => readType(join(folder, type), type));
  const hint = 'the kernel needs CONFIG_VFIO_MDEV, and the module mdev loaded';
  throw unusable(`look at the SPIMDEV parent "${name}"`, `${folder} has no mdev type`, hint);
}

function readType(path: string, name: string): MdevType {
  const dash = name.indexOf('-');
  const deviceApi = readAttribute(join(path, 'device_api'));
  const available = readNumber(join(path, 'available_instances'));
  return { name, algorithm: name.slice(dash + 1), path, deviceApi, available };
}

/** The type of a parent that offers an algorithm. */
export function readTypeFor(parent: Parent, algorithm: string): MdevType {
  const types = readTypes(parent);
  const type = types.find((candidate) => candidate.algorithm === algorithm);
  if (type !== undefined) return type;
  throw unusable(
    `use "${parent.name}" for "${algorithm}"`,
    'it has no type for this algorithm',
    `it has: ${types.map((candidate) => candidate.algorithm).join(', ')}`,
  );
}
