// Reads SPIMDEV's attributes. A kernel may lack any of them, or say nonsense: then the error names the path and what
// was found there.

import { readdirSync, readFileSync } from 'node:fs';
import { WarpError } from '../../shared/errors.ts';

export function unusable(operation: string, found: string, hint?: string, cause?: unknown): WarpError {
  return new WarpError('DEVICE_UNUSABLE', { operation, found, hint, cause });
}

/** The attribute without its line end. */
export function readAttribute(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    const hint = 'the driver of the device may be another version, or is going away: see "dmesg"';
    throw unusable(`read ${path}`, (cause as Error).message, hint, cause);
  }
}

/** A whole number, 0 or more. */
export function readNumber(path: string): number {
  const text = readAttribute(path);
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const found = `"${text.slice(0, 40)}" where a number is expected`;
  throw unusable(`read ${path}`, found, 'look at the log of the kernel; its driver may be another version');
}

/** Names in a folder, in order; none if there is no such folder. */
export function listFolder(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw unusable(`list ${path}`, (cause as Error).message, undefined, cause);
  }
}
