// Loads kernel modules in a guest, and takes them out again.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const folders = (process.env['WARPDRIVE_VM_MODULES'] ?? '').split(':');

/** VFIO and mediated devices, in the order in which they need each other. */
const vfioModules = ['vfio', 'vfio_iommu_type1', 'mdev'];

function loadModule(name: string, parameters: Readonly<Record<string, string | number>> = {}): void {
  const path = folders.map((folder) => join(folder, `${name}.ko`)).find((path) => existsSync(path));
  if (path === undefined) throw new Error(`no module ${name} in ${folders.join(', ')}`);
  const words = Object.entries(parameters).map(([key, value]) => `${key}=${value}`);
  execFileSync('busybox', ['insmod', path, ...words], { stdio: 'pipe' });
}

export function unloadModule(name: string): void {
  execFileSync('busybox', ['rmmod', name], { stdio: 'pipe' });
}

function loadVfio(): void {
  for (const name of vfioModules) if (!existsSync(join('/sys/module', name))) loadModule(name);
}

/** The edu parent with other parameters than before. */
export function loadEdu(parameters: Readonly<Record<string, string | number>> = {}): void {
  loadVfio();
  if (existsSync('/sys/module/wd_edu')) unloadModule('wd_edu');
  if (!existsSync('/sys/module/spimdev')) loadModule('spimdev');
  loadModule('wd_edu', parameters);
}
