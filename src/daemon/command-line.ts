// The options of warpdrived. The manual page and the completion of the shell are made from this too.

import { Command, Option } from 'commander';
import { packageVersion } from '../shared/package-files.ts';
import { defaultRuntimeDir } from '../shared/runtime-paths.ts';
import { logLevels } from './log.ts';
import { roles } from './supervisor.ts';

export interface Options {
  readonly runtimeDir: string;
  readonly stateDir?: string;
  readonly config?: string;
  readonly logLevel: string;
  readonly checkConfig?: string;
  readonly brokerUser?: string;
  readonly engineUser?: string;
  readonly standby: boolean;
}

export const program = new Command('warpdrived')
  .description('Lends the hardware queues of accelerators to processes that do not trust each other.')
  .version(packageVersion)
  .option(
    '--runtime-dir <folder>',
    'folder of the sockets',
    defaultRuntimeDir(process.env, process.getuid?.() ?? 0),
  )
  .option(
    '--state-dir <folder>',
    'folder of what outlives the daemon: marks of mediated devices (default: $STATE_DIRECTORY, or "state" below the folder of the sockets)',
  )
  .option('--config <file>', 'configuration (TOML); without it, the devices "soft0" and "null0"')
  .addOption(
    new Option('--log-level <level>', 'least severe message to log').choices(logLevels).default('info'),
  )
  .option('--check-config <file>', 'check a configuration and exit: 0 if it is valid, 2 if not')
  .option(
    '--standby',
    'with a role: wait until the process that has it is gone, then take its place at once',
    false,
  )
  .option('--broker-user <name>', 'for a role: the user that the broker runs as; without it, this one')
  .option('--engine-user <name>', 'for a role: the user that the engine runs as; without it, this one')
  .argument('[role]', `one of ${roles.join(', ')}: be only that process, under a supervisor of your own`);
