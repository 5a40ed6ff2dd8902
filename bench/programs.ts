// The programs that contestants run: our own, compiled beside this file, and yardsticks in C, compiled on the spot.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from './contestant.ts';

/** A program of ours: its path below bench/, with the ending .js. */
export function nodeProgram(path: string, ...args: readonly string[]): Command {
  return { file: process.execPath, arguments: [fileURLToPath(new URL(path, import.meta.url)), ...args] };
}

/** Compiles a yardstick into a folder; undefined where there is no C compiler. */
export function compileYardstick(name: string, folder: string): Command | undefined {
  const source = join(sourceFolder(), `${name}.c`);
  const program = join(folder, name);
  try {
    execFileSync('cc', ['-O2', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-o', program, source], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return { file: program, arguments: [] };
}

/** C sources stay in the clone: the compiler of this file doesn't copy them into dist. */
function sourceFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return join(folder, 'bench/yardsticks');
}
