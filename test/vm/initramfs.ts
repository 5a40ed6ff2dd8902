// The file system that a guest starts from: busybox, the modules that lead to the host's files, and init.

import { chmod, copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DebianKernel } from './debian-kernel.ts';
import { findTool, runTool } from './tools.ts';

/** What init.sh loads, with what that needs. */
const modules = [
  'virtio_pci',
  'virtio_pci_modern_dev',
  'virtio_pci_legacy_dev',
  'virtio_ring',
  'virtio',
  '9p',
  '9pnet_virtio',
  '9pnet',
  'fscache',
  'netfs',
  'overlay',
];

/** Builds the initramfs in `folder`; returns the path of the archive. */
export async function buildInitramfs(kernel: DebianKernel, init: string, folder: string): Promise<string> {
  const root = join(folder, 'initramfs');
  await mkdir(folder, { recursive: true });
  await rm(root, { recursive: true, force: true });
  const modulesFolder = join('lib/modules', kernel.release);
  for (const name of ['bin', 'proc', 'sys', 'dev', 'host', 'lower', 'upper', modulesFolder]) {
    await mkdir(join(root, name), { recursive: true });
  }
  await copyFile(findTool('busybox') ?? '/bin/busybox', join(root, 'bin/busybox'));
  for (const name of modules.map((module) => `${module}.ko`)) {
    await copyFile(join(kernel.modules, name), join(root, modulesFolder, name));
  }
  await runTool('busybox', ['depmod', '-b', root, kernel.release]);
  await copyFile(init, join(root, 'init'));
  await chmod(join(root, 'init'), 0o755);
  const archive = join(folder, 'initramfs.cpio');
  const script = 'cd "$1" && find . | busybox cpio -o -H newc > "$2" 2>/dev/null';
  await runTool('sh', ['-c', script, 'sh', root, archive]);
  return archive;
}
