// Files that appear whole or not at all. A draft is written under a temporary name in the folder of its target; only
// when it is complete, and on the disk, does it take the target's name.
//
// Whatever ends the process first, kill -9 apart, removes the drafts. So they are created and removed synchronously:
// no creation is under way when a signal is handled.

import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsync,
  futimesSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  type Stats,
  unlinkSync,
  write,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const fsyncOf = promisify(fsync);
const writeTo = promisify(write);

export interface Draft {
  readonly path: string;
  readonly target: string;
  readonly fd: number;
}

const drafts = new Set<Draft>();

/** The caller ends it with `publish` or `discard`. Nobody else can read it before. */
export function createDraft(target: string): Draft {
  const path = join(dirname(target), `.warpctl-${randomUUID()}.tmp`);
  const draft = { path, target, fd: openSync(path, 'wx', 0o600) };
  drafts.add(draft);
  return draft;
}

/** Not while another `append` to it is under way. */
export async function append({ fd }: Draft, chunk: Buffer): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await writeTo(fd, chunk, at)).bytesWritten;
}

export interface PublishOptions {
  /** Whose owner, permissions and times the file gets. */
  readonly like: Stats;
  /** A file that has the name already is replaced; EEXIST otherwise. */
  readonly isForced: boolean;
}

/** Gives the complete draft its name. When it returns, file and name outlive a crash of the machine. */
export async function publish(draft: Draft, { like, isForced }: PublishOptions): Promise<void> {
  keepOwner(draft.fd, like);
  // Without the set-user bits: what was compressed must not run as somebody else.
  fchmodSync(draft.fd, like.mode & 0o777);
  futimesSync(draft.fd, like.atime, like.mtime);
  await fsyncOf(draft.fd);
  if (isForced) renameSync(draft.path, draft.target);
  else takeFreeName(draft);
  drafts.delete(draft);
  closeSync(draft.fd);
  await syncFolder(dirname(draft.target));
}

/** Nothing happens if it was published. */
export function discard(draft: Draft): void {
  if (!drafts.delete(draft)) return;
  closeSync(draft.fd);
  unlinkIfThere(draft.path);
}

/** Removes all drafts when the process ends, and lets signals end it as they would without this. */
export function discardAtEnd(beforeEnd: () => void): void {
  const discardAll = (): void => {
    for (const draft of drafts) discard(draft);
  };
  process.on('exit', discardAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      discardAll();
      beforeEnd();
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    });
  }
}

function keepOwner(fd: number, { uid, gid }: Stats): void {
  try {
    fchownSync(fd, uid, gid);
  } catch (error) {
    // Only root may give files away: then it is the caller's own, as any file that he writes.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  }
}

/** What the kernel answers where a file system has no hard links. */
const noLinkCodes: ReadonlySet<unknown> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/** A rename would replace a file that came to be meanwhile; a link doesn't. */
function takeFreeName({ path, target }: Draft): void {
  try {
    linkSync(path, target);
  } catch (error) {
    const isLinkless = noLinkCodes.has((error as NodeJS.ErrnoException).code);
    if (!isLinkless || lstatSync(target, { throwIfNoEntry: false }) !== undefined) throw error;
    renameSync(path, target);
    return;
  }
  unlinkIfThere(path);
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

async function syncFolder(path: string): Promise<void> {
  const fd = openSync(path, 'r');
  try {
    await fsyncOf(fd);
  } finally {
    closeSync(fd);
  }
}
