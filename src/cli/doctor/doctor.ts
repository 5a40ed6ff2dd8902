// warpctl doctor: what this host has of what WarpDrive can use, whether that is fine, and what to do. Works without the
// daemon.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { WarpError } from '../../client/index.ts';
import { packageRoot } from '../../shared/package-files.ts';
import { GRPC_SOCKET } from '../../shared/runtime-paths.ts';
import { connectUnix } from '../../sys/socket.ts';
import { exitCode } from '../exit-codes.ts';
import { type Column, formatTable, type Output } from '../output.ts';
import { checkPermissions, checks, type Finding, finding, type FindingState } from './checks.ts';

const CONFIGURATION = 'etc/warpdrive/warpdrived.toml';
const DAEMON_MODULE = join(packageRoot, 'dist/src/daemon/main.js');
const CHECK_MILLIS_MAX = 30_000;

const stateStyles: Readonly<Record<FindingState, 'green' | 'yellow' | 'red'>> = {
  ok: 'green',
  note: 'yellow',
  problem: 'red',
};

const columns: readonly Column[] = [
  { title: 'WHAT', align: 'left' },
  { title: 'STATE', align: 'left', style: (cell) => stateStyles[cell as FindingState] },
  { title: 'FOUND', align: 'left' },
];

export interface DoctorOptions {
  readonly root: string;
  readonly runtimeDir: string;
}

/** Returns the exit code: a problem is a failure, a note is not. */
export async function runDoctor(output: Output, { root, runtimeDir }: DoctorOptions): Promise<number> {
  const findings = [
    ...checks.flatMap((check) => check(root)),
    ...checkPermissions(root, process.getuid?.() ?? 0),
    checkSocket(runtimeDir),
    await checkConfiguration(root),
  ];
  output.show({ findings }, format(findings));
  return exitCode(findings.some(({ state }) => state === 'problem') ? 'failed' : 'done');
}

function checkSocket(runtimeDir: string): Finding {
  const path = join(runtimeDir, GRPC_SOCKET);
  try {
    connectUnix(path, 'daemon').close();
    return finding('daemon', 'ok', `answers on ${path}`);
  } catch (error) {
    if (!(error instanceof WarpError)) throw error;
    return finding('daemon', 'note', `${error.operation}: ${error.found}`, error.hint);
  }
}

/** By the daemon's own check, so that both say the same. */
async function checkConfiguration(root: string): Promise<Finding> {
  const path = join(root, CONFIGURATION);
  if (!existsSync(path)) {
    return finding('configuration', 'note', `${path} does not exist: the defaults hold`);
  }
  try {
    const timeout = CHECK_MILLIS_MAX;
    await promisify(execFile)(process.execPath, [DAEMON_MODULE, '--check-config', path], { timeout });
    return finding('configuration', 'ok', `${path} is valid`);
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    const found = stderr?.trim() ?? (error as Error).message;
    return finding('configuration', 'problem', found, 'docs/CONFIG.md has all keys');
  }
}

function format(findings: readonly Finding[]): string {
  const rows = findings.map(({ subject, state, found }) => [subject, state, found]);
  const hints = findings.flatMap(({ subject, hint }) =>
    hint === undefined ? [] : [`${subject}: ${hint}\n`],
  );
  return formatTable(columns, rows) + (hints.length === 0 ? '' : `\n${hints.join('')}`);
}
