// warpctl gzip and warpctl gunzip: the well-known tools, with the compression done by an accelerator.

import { lstat } from 'node:fs/promises';
import { type Connection, createGunzip, createGzip, WarpError } from '../client/index.ts';
import { discardAtEnd } from './drafts.ts';
import { exitCodeOfAll } from './exit-codes.ts';
import { type Direction, type JobOptions, type JobResult, runJob, STANDARD } from './file-job.ts';
import { errorDocument, type Output } from './output.ts';
import { startProgress } from './progress.ts';

/** Small files wait for the disk most of the time: some at once keep the device busy. */
const FILES_AT_ONCE = 4;

export interface GzipOptions {
  readonly direction: Direction;
  readonly level: number;
  readonly keep: boolean;
  readonly force: boolean;
  readonly stdout: boolean;
}

type Outcome = JobResult | { readonly file: string; readonly error: WarpError };

/** Throws INVALID_ARGUMENT, before anything is done, for what can't be meant. */
export function checkGzipOptions(files: readonly string[], options: GzipOptions & { isJson: boolean }): void {
  const operation = options.direction;
  const refuse = (found: string, hint: string): never => {
    throw new WarpError('INVALID_ARGUMENT', { operation, found, hint });
  };
  const writesToStdout = options.stdout || files.includes(STANDARD);
  if (options.isJson && writesToStdout)
    refuse('data and JSON would mix on standard output', 'leave out --json, or name files');
  if (writesToStdout && files.filter((file) => file === STANDARD).length > 1)
    refuse('standard input is named twice', 'name it once');
  if (options.direction === 'gzip' && writesToStdout && process.stdout.isTTY && !options.force)
    refuse('compressed data would go to the terminal', 'redirect the output, or use -f');
  if (options.direction === 'gunzip' && files.includes(STANDARD) && process.stdin.isTTY && !options.force)
    refuse('compressed data would come from the terminal', 'redirect the input, or use -f');
}

/** Works on all files, whatever becomes of one. Returns the exit code. */
export async function runGzip(
  connection: Connection,
  output: Output,
  { files, ...options }: GzipOptions & { readonly files: readonly string[] },
): Promise<number> {
  const { direction, level } = options;
  const progress = startProgress(process.stderr, direction, await totalBytesOf(files));
  output.beforeWrite(() => progress.clear());
  discardAtEnd(() => progress.clear());
  const jobOptions: JobOptions = {
    direction,
    createTransform: () =>
      direction === 'gzip' ? createGzip(connection, { level }) : createGunzip(connection),
    isForced: options.force,
    keepsInput: options.keep,
    writesToStdout: options.stdout,
    onBytesRead: (bytes) => progress.advance(bytes),
  };
  const outcomes = await runAll(files, jobOptions, output);
  progress.clear();
  const failures = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.error.code] : []));
  if (output.isJson) output.show({ files: outcomes.map(outcomeDocument) }, '');
  return exitCodeOfAll(failures);
}

/** The outcomes in the order of the files. On standard output only one file can be written at a time. */
async function runAll(files: readonly string[], options: JobOptions, output: Output): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const waiting = [...files.entries()];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, file] = next;
      outcomes[index] = await outcomeOf(file, options, output);
    }
  };
  const isOneByOne = options.writesToStdout || files.includes(STANDARD);
  const lanes = isOneByOne ? 1 : Math.min(FILES_AT_ONCE, files.length);
  await Promise.all(Array.from({ length: lanes }, work));
  return outcomes;
}

async function outcomeOf(file: string, options: JobOptions, output: Output): Promise<Outcome> {
  try {
    return await runJob(file, options);
  } catch (error) {
    if (!(error instanceof WarpError)) throw error;
    output.complain(error);
    return { file, error };
  }
}

function outcomeDocument(outcome: Outcome): object {
  return 'error' in outcome ? { file: outcome.file, error: errorDocument(outcome.error) } : outcome;
}

/** For the progress bar; undefined if standard input is among the files. Those that aren't there don't count. */
async function totalBytesOf(files: readonly string[]): Promise<number | undefined> {
  if (files.includes(STANDARD)) return undefined;
  const sizes = await Promise.all(
    files.map((file) =>
      lstat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
