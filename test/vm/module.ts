// Builds the kernel module of test/vm/kernel against a kernel's headers. A warning of the compiler is an error.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DebianKernel } from './debian-kernel.ts';
import { kernelFolder } from './folders.ts';
import { runTool } from './tools.ts';

/** Returns the folder with the built modules. What was built of the same sources is used again. */
export async function buildModule(kernel: DebianKernel): Promise<string> {
  const folder = join(kernel.folder, `built-${await hashSources()}`);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial);
  await cp(kernelFolder, partial, { recursive: true });
  await runTool('make', ['-C', kernel.headers, `M=${partial}`, 'KCFLAGS=-Werror', 'W=1', 'modules']);
  await rename(partial, folder);
  return folder;
}

async function hashSources(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of (await readdir(kernelFolder)).sort()) {
    hash.update(`${name}\n`).update(await readFile(join(kernelFolder, name)));
  }
  return hash.digest('hex').slice(0, 16);
}
