// The real binary as a child process.

import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly input?: Buffer;
  readonly env?: Readonly<Record<string, string>>;
  /** A file to write to instead of a pipe. */
  readonly stdout?: string;
  /** Called with the process as soon as it runs. */
  readonly meanwhile?: (child: ChildProcess) => Promise<void>;
}

const program = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

export async function warpctl(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { cwd, input, env, meanwhile } = options;
  const stdoutFd = options.stdout === undefined ? undefined : openSync(options.stdout, 'w');
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['pipe', stdoutFd ?? 'pipe', 'pipe'],
  }) as ChildProcessByStdio<Writable, Readable | null, Readable>;
  if (stdoutFd !== undefined) closeSync(stdoutFd);
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // One that refuses its arguments ends before it has read everything.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const ended = new Promise<Pick<Outcome, 'code' | 'signal'>>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  await meanwhile?.(child);
  return { ...(await ended), stdout: Buffer.concat(stdout), stderr };
}

/** What it printed with --json: one document and nothing else. */
export function documentOf({ stdout }: Outcome): unknown {
  return JSON.parse(stdout.toString());
}
