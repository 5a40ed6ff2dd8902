// The parent that guests have: what sysfs and debugfs show of it, and mdevs on it that are not the daemon's.

import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../fixtures/daemon.ts';

export const PARENT = 'wd_edu0';
export const parentFolder = `/sys/class/spimdev/${PARENT}/device`;
export const debugFolder = `/sys/kernel/debug/spimdev/${PARENT}`;
export const mdevsFolder = '/sys/bus/mdev/devices';

const COPY_TYPE = 'wd_edu-copy';
/** For the kernel to take back what a process that has just ended had. */
const LIMIT_MILLIS = 60_000;

function typeFile(type: string, name: string): string {
  return join(parentFolder, 'mdev_supported_types', type, name);
}

/** Hardware queues that are left. */
export function available(type = COPY_TYPE): number {
  return Number(readFileSync(typeFile(type, 'available_instances'), 'utf8'));
}

export async function untilAvailable(count: number): Promise<void> {
  await eventually(`${count} hardware queues left`, () => available() === count, LIMIT_MILLIS);
}

/** An mdev of somebody else; returns its name. */
export function createForeign(): string {
  const uuid = randomUUID();
  writeFileSync(typeFile(COPY_TYPE, 'create'), uuid);
  return uuid;
}

export function removeForeign(uuid: string): void {
  writeFileSync(join(mdevsFolder, uuid, 'remove'), '1');
}
