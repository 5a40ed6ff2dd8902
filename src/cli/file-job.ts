// One file through a stream: gzip FILE makes FILE.gz and removes FILE, gunzip the other way round. The input goes
// only when the output is complete and on the disk.

import { once } from 'node:events';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, unlink } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type HelperStream, WarpError } from '../client/index.ts';
import { append, createDraft, discard, publish } from './drafts.ts';

/** Stands for stdin or stdout. */
export const STANDARD = '-';
/** Read at a time: two blocks of the compressor, so that the progress bar moves evenly, bytes. */
const READ_BYTES = 256 * 1024;

export type Direction = 'gzip' | 'gunzip';

export interface JobOptions {
  readonly direction: Direction;
  readonly createTransform: () => HelperStream;
  readonly isForced: boolean;
  readonly keepsInput: boolean;
  readonly writesToStdout: boolean;
  readonly onBytesRead: (bytes: number) => void;
}

export interface JobResult {
  readonly file: string;
  readonly output: string;
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** Where it was done: the name of a device, 'local' for this process, or both as in 'soft0+local'. */
  readonly device: string;
  readonly millis: number;
}

/** Throws a WarpError that names the file; then there is no output, and the input is as it was. */
export async function runJob(file: string, options: JobOptions): Promise<JobResult> {
  const operation = `${options.direction} ${file}`;
  const startMillis = performance.now();
  try {
    const done = file === STANDARD ? await runOnStdin(options) : await runOnFile(file, options);
    return { file, ...done, millis: Math.round(performance.now() - startMillis) };
  } catch (error) {
    throw describe(error, operation);
  }
}

type Done = Omit<JobResult, 'file' | 'millis'>;

async function runOnStdin(options: JobOptions): Promise<Done> {
  return { output: STANDARD, ...(await transfer(process.stdin, writeToStdout, options)) };
}

async function runOnFile(file: string, options: JobOptions): Promise<Done> {
  const target = options.writesToStdout ? undefined : await freeTarget(file, options);
  const input = await openInput(file, options);
  try {
    const stats = await input.stat();
    checkInput(stats, { ...options, keepsInput: options.keepsInput || target === undefined });
    const source = input.createReadStream({ autoClose: false, highWaterMark: READ_BYTES });
    if (target === undefined)
      return { output: STANDARD, ...(await transfer(source, writeToStdout, options)) };
    const transferred = await writeTarget(target, source, { ...options, like: stats });
    if (!options.keepsInput) await unlink(file);
    return { output: target, ...transferred };
  } finally {
    await input.close();
  }
}

/** Neither follows a link nor waits for the other end of a pipe, unless forced to follow. */
function openInput(file: string, { isForced }: JobOptions): Promise<FileHandle> {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  return open(file, O_RDONLY | O_NONBLOCK | (isForced ? 0 : O_NOFOLLOW));
}

function checkInput(stats: Stats, { isForced, keepsInput }: JobOptions): void {
  if (!stats.isFile()) {
    const found = stats.isDirectory() ? 'it is a folder' : 'it is not a regular file';
    throw refusal(found, 'name regular files, or use "-" to read standard input');
  }
  if (stats.nlink > 1 && !isForced && !keepsInput) {
    throw refusal(
      `it has ${stats.nlink - 1} other name(s), which would keep the old contents`,
      '-k keeps it, -f goes on all the same',
    );
  }
}

const suffixes: readonly (readonly [suffix: string, without: string])[] = [
  ['.gz', ''],
  ['.tgz', '.tar'],
];

async function freeTarget(file: string, { direction, isForced }: JobOptions): Promise<string> {
  const target = direction === 'gzip' ? compressedName(file, isForced) : plainName(file);
  if (!isForced && (await lstat(target).catch(() => undefined)) !== undefined)
    throw refusal(`${target} is there already`, '-f replaces it, -c writes to standard output');
  return target;
}

function compressedName(file: string, isForced: boolean): string {
  const isCompressed = suffixes.some(([suffix]) => file.endsWith(suffix));
  if (!isCompressed || isForced) return `${file}.gz`;
  throw refusal('its name says that it is compressed already', '-f compresses it once more');
}

function plainName(file: string): string {
  const match = suffixes.find(([suffix]) => basename(file).endsWith(suffix) && basename(file) !== suffix);
  if (match !== undefined) return `${file.slice(0, -match[0].length)}${match[1]}`;
  throw refusal(
    'its name does not end in .gz or .tgz, which tells the name of the output',
    '-c writes to standard output',
  );
}

type Transferred = Pick<JobResult, 'inputBytes' | 'outputBytes' | 'device'>;

async function writeTarget(
  target: string,
  source: Readable,
  options: JobOptions & { readonly like: Stats },
): Promise<Transferred> {
  const draft = createDraft(target);
  try {
    const transferred = await transfer(source, (chunk) => append(draft, chunk), options);
    await publish(draft, options);
    return transferred;
  } finally {
    discard(draft);
  }
}

/** Takes one chunk after the other; the next is given when the promise has settled. */
type Sink = (chunk: Buffer) => Promise<void>;

async function transfer(
  source: Readable,
  write: Sink,
  { createTransform, onBytesRead }: JobOptions,
): Promise<Transferred> {
  let inputBytes = 0;
  let outputBytes = 0;
  const counted = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      inputBytes += chunk.length;
      onBytesRead(chunk.length);
      yield chunk;
    }
  };
  const transform = createTransform();
  const fed = pipeline(source, counted, transform);
  // The loop throws the same, if it doesn't throw before.
  fed.catch(() => {});
  try {
    for await (const chunk of transform as AsyncIterable<Buffer>) {
      await write(chunk);
      outputBytes += chunk.length;
    }
    await fed;
  } finally {
    await closed(transform);
  }
  return { inputBytes, outputBytes, device: transform.device };
}

/** Until then requests of a stream that failed may still be under way. */
function closed(stream: HelperStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once('close', resolve);
  });
}

/** Where that fails, the process ends: there is only one standard output. */
async function writeToStdout(chunk: Buffer): Promise<void> {
  if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
}

function refusal(found: string, hint: string): WarpError {
  return new WarpError('INVALID_ARGUMENT', { operation: 'choose files', found, hint });
}

/** What people can act on where the kernel refused. */
const systemHints: Readonly<Record<string, string>> = {
  ENOENT: 'check the name',
  EACCES: 'check the permissions of the file and its folder',
  ELOOP: 'it is a symbolic link; name the file itself, or use -f',
  EEXIST: 'somebody made the output meanwhile; -f replaces it',
  ENOSPC: 'make room on the disk',
};

/** Any failure as one of this file; what isn't expected stays what it is. */
function describe(error: unknown, operation: string): unknown {
  if (error instanceof WarpError) {
    const { code, found, hint, ran } = error;
    return new WarpError(code, { operation, found, hint, ran, cause: error });
  }
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  const found = (error as Error).message;
  return new WarpError('SYSTEM_CALL', { operation, found, hint: systemHints[code], cause: error });
}
