// The guests' VFIO as their kernel would have it with VFIO_NOIOMMU, which Debian's has not: built from Debian's source of
// the same version. The other modules of VFIO load on it as they are.

import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DebianKernel, download } from './debian-kernel.ts';
import { runTool } from './tools.ts';

const files = ['vfio_main.c', 'iova_bitmap.c', 'container.c', 'vfio.h'];
/** As drivers/vfio/Makefile has it, for this one module. */
const MAKEFILE = 'obj-m := vfio.o\nvfio-y := vfio_main.o iova_bitmap.o container.o\n';

/** Returns the folder with the built module. */
export async function buildNoiommuVfio(kernel: DebianKernel): Promise<string> {
  const folder = join(kernel.folder, 'noiommu');
  if (existsSync(folder)) return folder;
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial);
  await unpackSource(kernel, partial);
  await writeFile(join(partial, 'Makefile'), MAKEFILE);
  await runTool('make', [
    '-C',
    kernel.headers,
    `M=${partial}`,
    'KCFLAGS=-DCONFIG_VFIO_NOIOMMU=1 -Werror',
    'modules',
  ]);
  await rename(partial, folder);
  return folder;
}

/** Of 140 MB, four files. */
async function unpackSource({ release, version }: DebianKernel, folder: string): Promise<void> {
  const series = release.split('.', 2).join('.');
  await download([`linux-source-${series}=${version}`], folder);
  const archive = (await readdir(folder)).find((name) => name.endsWith('.deb')) ?? '';
  const members = files.map((name) => `linux-source-${series}/drivers/vfio/${name}`);
  const source = `./usr/src/linux-source-${series}.tar.xz`;
  const script = `dpkg-deb --fsys-tarfile "$1" | tar -xOf - "$2" | xz -dc | tar -xf - --strip-components=3 "\${@:3}"`;
  await runTool('bash', ['-c', `set -o pipefail; ${script}`, 'bash', archive, source, ...members], {
    cwd: folder,
  });
  await rm(join(folder, archive));
}
