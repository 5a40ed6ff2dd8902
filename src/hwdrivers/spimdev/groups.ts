// IOMMU groups, as sysfs shows them. A group goes to VFIO as a whole, and only while none of its devices is the kernel's.

import { readdirSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Drivers that leave a device to VFIO, or that do no DMA of their own. */
const HARMLESS_DRIVERS = /vfio|mdev|pcieport|pci-stub/;

/** "0000:00:03.0 (e1000e)": devices of a group that the kernel itself drives. */
export function strangersIn(group: string, root = '/'): string[] {
  const folder = join(root, 'sys/kernel/iommu_groups', group, 'devices');
  return namesIn(folder).flatMap((device) => {
    const driver = kernelDriverOf(join(folder, device));
    return driver === undefined || HARMLESS_DRIVERS.test(driver) ? [] : [`${device} (${driver})`];
  });
}

/** The driver of the kernel that a device is bound to. */
function kernelDriverOf(device: string): string | undefined {
  try {
    return basename(readlinkSync(join(device, 'driver')));
  } catch {
    return undefined;
  }
}

/** Groups come and go: nothing to list is no error. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
