// Which processes have a file open, as /proc tells: for messages that say why something can't be removed or opened.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Holders that a message names. */
const NAMED_MAX = 5;

interface Holder {
  readonly pid: number;
  readonly command: string;
}

function findHolders(path: string, root = '/'): Holder[] {
  const proc = join(root, 'proc');
  const holders: Holder[] = [];
  for (const name of names(proc)) {
    if (!/^\d+$/.test(name) || !hasOpen(join(proc, name, 'fd'), path)) continue;
    holders.push({ pid: Number(name), command: commandOf(join(proc, name, 'comm')) });
  }
  return holders;
}

export function isHeld(path: string, root = '/'): boolean {
  return findHolders(path, root).length > 0;
}

/** "held by 1234 (qemu)", for a hint. */
export function describeHolders(path: string, root = '/'): string {
  const holders = findHolders(path, root);
  if (holders.length === 0) return `who holds ${path} can't be seen`;
  const named = holders.slice(0, NAMED_MAX).map(({ pid, command }) => `${pid} (${command})`);
  const rest = holders.length - named.length;
  return `${path} is held by ${named.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function hasOpen(folder: string, path: string): boolean {
  return names(folder).some((name) => {
    try {
      return readlinkSync(join(folder, name)) === path;
    } catch {
      return false;
    }
  });
}

function commandOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return 'gone';
  }
}

/** Processes come and go, and some are not ours to see: nothing to list is no error. */
function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
