// The guests' kernel: Debian's, fetched as packages and unpacked in the cache folder, never installed. The version is
// whatever the host's package lists call the newest; the headers are of exactly that version.
//
//     .cache/vm/<release>-N/vmlinux    uncompressed, which QEMU boots by PVH without a boot loader
//                         modules/     the few that a guest loads
//                         usr/src/...  headers, to build modules of our own against

import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { execFile } from 'node:child_process';
import { cacheFolder } from './folders.ts';
import { runTool } from './tools.ts';

const META_PACKAGE = 'linux-image-amd64';
/** Another one when what is unpacked changes. */
const CONTENTS_VERSION = 2;

/** Offsets in a bzImage's header, Documentation/arch/x86/boot.rst: "The Real-Mode Kernel Header". */
const SETUP_SECTORS_OFFSET = 0x1f1;
const PAYLOAD_OFFSET_OFFSET = 0x248;
const PAYLOAD_LENGTH_OFFSET = 0x24c;
const SECTOR_BYTES = 512;
const VMLINUX_BYTES_MAX = 256 * 2 ** 20;

/** Folders of the image package that hold the modules of a guest. */
const moduleFolders = [
  'drivers/virtio',
  'drivers/vfio',
  'net/9p',
  'fs/9p',
  'fs/fscache',
  'fs/netfs',
  'fs/overlayfs',
  'virt/lib',
];

export interface DebianKernel {
  /** As `uname -r` says in the guest. */
  readonly release: string;
  /** Of its packages. */
  readonly version: string;
  readonly folder: string;
  readonly vmlinux: string;
  readonly modules: string;
  /** What a module is built against: `make -C`. */
  readonly headers: string;
}

/** Fetches and unpacks the kernel unless the cache has it. */
export async function prepareKernel(): Promise<DebianKernel> {
  const packages = await resolvePackages();
  const folder = join(cacheFolder, `${packages.release}-${CONTENTS_VERSION}`);
  if (!existsSync(folder)) {
    const partial = `${folder}.partial`;
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true });
    await download(packages.names, partial);
    await unpack(partial, packages.release);
    await rename(partial, folder);
  }
  return {
    release: packages.release,
    version: packages.version,
    folder,
    vmlinux: join(folder, 'vmlinux'),
    modules: join(folder, 'modules'),
    headers: join(folder, 'usr/src', `linux-headers-${packages.release}`),
  };
}

interface Packages {
  readonly release: string;
  readonly version: string;
  /** name=version, as apt-get takes it. */
  readonly names: readonly string[];
}

async function resolvePackages(): Promise<Packages> {
  const meta = await showPackage(META_PACKAGE);
  const image = /^Depends:.*\blinux-image-(?<release>\S+) \(= (?<version>[^)]+)\)/m.exec(meta)?.groups;
  const { release, version } = image ?? {};
  if (release === undefined || version === undefined) {
    throw new Error(`the package lists know no ${META_PACKAGE}: run apt-get update, on a Debian`);
  }
  const headers = await showPackage(`linux-headers-${release}=${version}`);
  const depends = /^Depends: (.*)$/m.exec(headers)?.[1] ?? '';
  const parts = depends.match(/\blinux-(?:headers|kbuild)-[^\s,(]+/g) ?? [];
  const names = [`linux-image-${release}`, `linux-headers-${release}`, ...parts];
  return { release, version, names: names.map((name) => `${name}=${version}`) };
}

async function showPackage(name: string): Promise<string> {
  return (await runTool('apt-cache', ['show', '--no-all-versions', name])).toString();
}

export async function download(names: readonly string[], folder: string): Promise<void> {
  try {
    await runTool('apt-get', ['download', '-q', ...names], { cwd: folder });
  } catch (cause) {
    throw new Error(`could not fetch ${names.join(', ')}: are the package lists old? (apt-get update)`, {
      cause,
    });
  }
}

async function unpack(folder: string, release: string): Promise<void> {
  const archives = (await readdir(folder)).filter((name) => name.endsWith('.deb'));
  for (const archive of archives) {
    const path = join(folder, archive);
    if (archive.startsWith('linux-image-')) await unpackImage(path, folder, release);
    else await runTool('dpkg-deb', ['-x', path, folder]);
    await rm(path);
  }
  // The only absolute path in the headers; the symbolic links between the packages are relative.
  const makefile = join(folder, 'usr/src', `linux-headers-${release}`, 'Makefile');
  const text = await readFile(makefile, 'utf8');
  await writeFile(
    makefile,
    text.replace(/^include \/usr\/src\//m, 'include $(dir $(lastword $(MAKEFILE_LIST)))../'),
  );
}

/** Of the image, with its thousands of modules, only what a guest uses. */
async function unpackImage(archive: string, folder: string, release: string): Promise<void> {
  const members = moduleFolders.map((name) => `./lib/modules/${release}/kernel/${name}`);
  const content = join(folder, 'image.tar');
  await runTool('sh', ['-c', 'dpkg-deb --fsys-tarfile "$1" > "$2"', 'sh', archive, content]);
  await runTool('tar', ['-x', '-f', content, '-C', folder, `./boot/vmlinuz-${release}`, ...members]);
  await rm(content);
  const modules = join(folder, 'modules');
  await mkdir(modules);
  const library = join(folder, 'lib');
  for (const entry of await readdir(library, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ko')) continue;
    await rename(join(entry.parentPath, entry.name), join(modules, basename(entry.name)));
  }
  await rm(library, { recursive: true });
  const bzImage = await readFile(join(folder, 'boot', `vmlinuz-${release}`));
  await writeFile(join(folder, 'vmlinux'), await decompressKernel(bzImage));
  await rm(join(folder, 'boot'), { recursive: true });
}

/** The ELF file that a bzImage carries: an xz stream, followed by its length in 4 bytes. */
function decompressKernel(bzImage: Buffer): Promise<Buffer> {
  const setupBytes = (bzImage.readUInt8(SETUP_SECTORS_OFFSET) + 1) * SECTOR_BYTES;
  const start = setupBytes + bzImage.readUInt32LE(PAYLOAD_OFFSET_OFFSET);
  const payload = bzImage.subarray(start, start + bzImage.readUInt32LE(PAYLOAD_LENGTH_OFFSET) - 4);
  const running = promisify(execFile)('xz', ['-dc'], { encoding: 'buffer', maxBuffer: VMLINUX_BYTES_MAX });
  running.child.stdin?.end(payload);
  return running.then(({ stdout }) => stdout);
}
