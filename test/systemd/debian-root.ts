// A Debian with systemd, as small as it gets, in a folder of the cache: what the guests of test:systemd boot.

import { existsSync } from 'node:fs';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../vm/folders.ts';
import { runTool } from '../vm/tools.ts';

const RELEASE = 'bookworm';
/** What the package depends on. */
const packages = ['systemd', 'systemd-sysv', 'init-system-helpers', 'libstdc++6'];
/** Another one when what is made changes. */
const CONTENTS_VERSION = 1;

/** Units that only wait for what a guest doesn't have. */
const masked = ['serial-getty@ttyS0.service', 'getty@tty1.service', 'systemd-networkd-wait-online.service'];

/** Makes the folder unless the cache has it; as root, which alone can. */
export async function prepareDebianRoot(): Promise<string> {
  const folder = join(cacheFolder, `${RELEASE}-root-${CONTENTS_VERSION}`);
  if (existsSync(folder)) return folder;
  if (process.getuid?.() !== 0) throw new Error('making a Debian takes root, once: run test:systemd as root');
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(cacheFolder, { recursive: true });
  const without = ['doc', 'man', 'locale', 'info'].map(
    (name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`,
  );
  await runTool('mmdebstrap', [
    '--variant=minbase',
    `--include=${packages.join(',')}`,
    ...without,
    RELEASE,
    partial,
  ]);
  for (const unit of masked) await symlink('/dev/null', join(partial, 'etc/systemd/system', unit));
  await writeFile(join(partial, 'etc/machine-id'), '0123456789abcdef0123456789abcdef\n');
  await rename(partial, folder);
  return folder;
}
