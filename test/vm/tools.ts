// The programs of the host that the guests need, each with the Debian package that brings it; and how they are run.

import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const OUTPUT_BYTES_MAX = 64 * 2 ** 20;

const packages = {
  'qemu-system-x86_64': 'qemu-system-x86',
  busybox: 'busybox-static',
  xz: 'xz-utils',
  make: 'make',
  cc: 'gcc',
  'apt-get': 'apt',
  'apt-cache': 'apt',
  'dpkg-deb': 'dpkg',
  tar: 'tar',
} as const;

/** Throws what is missing, and the command that installs it. `more`: other programs, with their packages. */
export function checkTools(more: Readonly<Record<string, string>> = {}): void {
  if (process.arch !== 'x64') throw new Error(`the guests are x86-64 machines, this host is ${process.arch}`);
  const needed: Readonly<Record<string, string>> = { ...packages, ...more };
  const missing = Object.keys(needed).filter((tool) => findTool(tool) === undefined);
  if (missing.length === 0) return;
  const names = [...new Set(missing.map((tool) => needed[tool]))].join(' ');
  throw new Error(
    `not installed: ${missing.join(', ')}. On Debian, as root: apt-get install --no-install-recommends ${names}`,
  );
}

export function findTool(name: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Runs a program to its end; its standard output. A failure carries everything that it printed. */
export async function runTool(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Buffer> {
  try {
    const { stdout } = await run(program, args, {
      cwd: options.cwd,
      env: { ...process.env, LC_ALL: 'C', ...options.env },
      encoding: 'buffer',
      maxBuffer: OUTPUT_BYTES_MAX,
    });
    return stdout;
  } catch (cause) {
    const { stdout, stderr, message } = cause as Error & { stdout?: Buffer; stderr?: Buffer };
    const printed = [stdout, stderr].map((text) => text?.toString() ?? '').join('');
    throw new Error(`${program} ${args.join(' ')} failed: ${message}\n${printed}`, { cause });
  }
}
