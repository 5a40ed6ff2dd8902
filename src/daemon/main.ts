#!/usr/bin/env node
// warpdrived: without a role, supervises custodian, engine and broker as its children; with one, is that process.

import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { asWarpError, WarpError } from '../shared/errors.ts';
import { createLog } from './log.ts';
import { type Options, program } from './command-line.ts';
import type { RoleOptions } from './role.ts';
import { userNumber } from './config/users.ts';
import { ChildEndedError, type Role, roles, Supervisor } from './supervisor.ts';

/** Each role loads its own code only: a process starts faster, and holds nothing that it doesn't use. */
const runners: Readonly<Record<Role, (options: RoleOptions) => Promise<void>>> = {
  custodian: async (options) => (await import('./custodian/custodian.ts')).runCustodian(options),
  engine: async (options) => (await import('./engine/main.ts')).runEngine(options),
  broker: async (options) => (await import('./broker/broker.ts')).runBroker(options),
};

program.action(async (role: string | undefined, options: Options) => {
  if (options.checkConfig !== undefined) return checkConfiguration(options.checkConfig);
  const roleOptions: RoleOptions = {
    runtimeDir: resolve(options.runtimeDir),
    stateDir: resolve(
      options.stateDir ?? process.env['STATE_DIRECTORY'] ?? join(options.runtimeDir, 'state'),
    ),
    configPath: options.config === undefined ? undefined : resolve(options.config),
    logLevel: options.logLevel,
    brokerUid: userNumber(options.brokerUser),
    engineUid: userNumber(options.engineUser),
    isStandby: options.standby,
  };
  if (options.standby && role === undefined) return program.error('error: --standby needs a role');
  mkdirSync(roleOptions.runtimeDir, { recursive: true, mode: 0o755 });
  if (role === undefined) return supervise(roleOptions);
  const runner = Object.hasOwn(runners, role) ? runners[role as Role] : undefined;
  if (runner === undefined) return program.error(`error: no role "${role}"; there are ${roles.join(', ')}`);
  return runner(roleOptions);
});

async function checkConfiguration(path: string): Promise<void> {
  const { readConfiguration } = await import('./config/config.ts');
  readConfiguration(path);
  process.stdout.write(`${path}: valid\n`);
}

async function supervise(options: RoleOptions): Promise<void> {
  const log = createLog('warpdrived', options.logLevel);
  // Read here too, so that a mistake in it is told once and not by a child that dies.
  const { readConfiguration } = await import('./config/config.ts');
  readConfiguration(options.configPath);
  const { runtimeDir, stateDir, logLevel } = options;
  const roleArguments = ['--runtime-dir', runtimeDir, '--state-dir', stateDir, '--log-level', logLevel];
  if (options.configPath !== undefined) roleArguments.push('--config', options.configPath);
  const supervisor = new Supervisor(roleArguments, log, () => {
    isStopping = true;
    void supervisor.stop().then(() => process.exit(1));
  });
  let isStopping = false;
  const stop = (signal: string): void => {
    if (isStopping) {
      log.warn({ signal }, 'stopping at once');
      supervisor.kill();
      process.exit(1);
    }
    isStopping = true;
    log.info({ signal }, 'stopping');
    void supervisor.stop().then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', () => supervisor.reload());
  // Started with a channel to the parent, as a demonstration or a test does: goes with it, however it ends.
  process.once('disconnect', () => stop('the parent is gone'));
  try {
    await supervisor.start();
  } catch (error) {
    if (isStopping) return;
    isStopping = true;
    await supervisor.stop();
    throw error;
  }
  const ready = { runtimeDir: options.runtimeDir, pid: process.pid, processes: supervisor.pids };
  process.stdout.write(`READY ${JSON.stringify(ready)}\n`);
}

/** What the file system refuses is most often the runtime folder. */
function explain(error: unknown): WarpError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS')
    return asWarpError(error, 'start warpdrived');
  return new WarpError('PERMISSION_DENIED', {
    operation: 'start warpdrived',
    found: message,
    hint: 'give --runtime-dir a folder that you may write, or set WARPDRIVE_RUNTIME_DIR',
    cause: error,
  });
}

/** 2 for what the caller can correct, 3 where another daemon serves already, 1 for what went wrong here. */
const exitCodes: Readonly<Record<string, number>> = {
  CONFIG_INVALID: 2,
  INVALID_ARGUMENT: 2,
  ALREADY_RUNNING: 3,
};

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof ChildEndedError) process.exit(error.exitCode);
  const { code, message } = explain(error);
  process.stderr.write(`warpdrived: ${message}\n`);
  process.exit(exitCodes[code] ?? 1);
}
