// The commands of warpctl with their options, and what each runs, on one connection. The manual page and the completion
// of the shell are made from this too.

import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { Administration, connect, type Connection } from '../client/index.ts';
import { packageVersion } from '../shared/package-files.ts';
import type { Picture } from '../shared/picture.ts';
import { findRuntimeDir } from '../shared/runtime-paths.ts';
import { drain, reload, revoke, showOwnMdevs } from './administer.ts';
import { showDevices } from './devices.ts';
import { runDoctor } from './doctor/doctor.ts';
import { exitCode, exitCodeHelp } from './exit-codes.ts';
import type { Direction } from './file-job.ts';
import { checkGzipOptions, type GzipOptions, runGzip } from './gzip.ts';
import { createByHand, removeByHand, showMdevs, showMdevTypes } from './mdev.ts';
import { Output } from './output.ts';
import { ping } from './ping.ts';
import { showQueues } from './queues.ts';
import { readPicture } from './picture.ts';
import { showStatus } from './status.ts';
import { showTenants } from './tenants.ts';
import { showTop } from './top.ts';

const LEVELS = [1, 2, 3, 4, 5, 6, 7, 8, 9] as const;
const LEVEL_DEFAULT = 6;
const PING_COUNT_MAX = 10_000_000;
const TIMEOUT_MILLIS_MAX = 3_600_000;
const REMOVE_MILLIS_DEFAULT = 10_000;

interface GlobalOptions {
  readonly runtimeDir?: string;
  readonly timeout: number;
}

type ParsedGzipOptions = Omit<GzipOptions, 'direction' | 'level'> & { readonly level?: number };

// Before the arguments are parsed: a mistake in them is answered in the same form.
export const output = new Output({ isJson: process.argv.includes('--json') });

function integerWithin(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It takes a whole number from ${min} to ${max}.`);
  };
}

function uuidOf(text: string): string {
  if (/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text)) return text.toLowerCase();
  throw new InvalidArgumentError('It takes a UUID.');
}

export const program = new Command('warpctl')
  .description('Looks at a WarpDrive daemon, and compresses files with its devices.')
  .version(packageVersion)
  .option('--runtime-dir <folder>', "folder of the daemon's sockets (or $WARPDRIVE_RUNTIME_DIR)")
  .option('--json', 'print one JSON document for machines; failures as {"error": ...}')
  .option(
    '--timeout <millis>',
    'how long the daemon may take to answer',
    integerWithin(1, TIMEOUT_MILLIS_MAX),
    5_000,
  )
  .configureHelp({ showGlobalOptions: true })
  .configureOutput({ writeErr: (text) => void (output.isJson || process.stderr.write(text)) })
  .showHelpAfterError('("warpctl --help" tells more)')
  .addHelpText('after', `\n${exitCodeHelp}`)
  .exitOverride();

program
  .command('devices')
  .description('list the devices: how they are, what they offer, which library serves it')
  .action(() => withConnection((connection) => showDevices(connection, output)));

program
  .command('status')
  .description('tell about the daemon, and what you use of what you may')
  .action(() => withConnection((connection) => showStatus(connection, output)));

program
  .command('queues')
  .description('list the queues that are lent: yours; all, for root and the user of the daemon')
  .action(() => withConnection((connection) => showQueues(connection, output)));

const mdev = program
  .command('mdev')
  .description('look at mediated devices, make and remove some of your own; needs no daemon');
const rootOption = [
  '--root <folder>',
  'look at the files below another folder: a copy of /sys, /proc and so on',
  '/',
] as const;
mdev
  .command('types')
  .description('list what the parents offer, and how many hardware queues are left')
  .option(...rootOption)
  .action(({ root }: { readonly root: string }) => showMdevTypes(output, resolve(root)));
mdev
  .command('list')
  .description('list the mdevs that there are, whoever made them')
  .option(...rootOption)
  .action(({ root }: { readonly root: string }) => showMdevs(output, resolve(root)));

mdev
  .command('create')
  .description('as root: make an mdev, which the daemon will not touch; prints its UUID')
  .argument('<parent>', 'its name, as "warpctl mdev types" tells')
  .argument('<algorithm>', 'what for: the second part of the name of a type')
  .option('--uuid <uuid>', 'which one; any by default', uuidOf)
  .option(...rootOption)
  .action(
    (parent: string, algorithm: string, { uuid, root }: { readonly uuid?: string; readonly root: string }) =>
      createByHand(output, { parent, algorithm, uuid, root: resolve(root) }),
  );
mdev
  .command('remove')
  .description('as root: remove an mdev that nobody has open')
  .argument('<uuid>', 'which one, as "warpctl mdev list" tells', uuidOf)
  .option(
    '--deadline <millis>',
    'how long the kernel may take',
    integerWithin(1, TIMEOUT_MILLIS_MAX),
    REMOVE_MILLIS_DEFAULT,
  )
  .option(...rootOption)
  .action((uuid: string, { deadline, root }: { readonly deadline: number; readonly root: string }) =>
    removeByHand(output, uuid, { deadlineMillis: deadline, root: resolve(root) }),
  );

program
  .command('doctor')
  .description('tell what this host has for WarpDrive, whether that is fine, and what to do; needs no daemon')
  .option(...rootOption)
  .action(async ({ root }: { readonly root: string }) => {
    const { runtimeDir = findRuntimeDir(process.env, process.getuid?.() ?? 0) } =
      program.opts<GlobalOptions>();
    process.exitCode = await runDoctor(output, { root: resolve(root), runtimeDir: resolve(runtimeDir) });
  });

program
  .command('tenants')
  .description('list the tenants: what they have, and how often they were refused')
  .action(async () => showTenants(await takePicture(), output));

program
  .command('top')
  .description('show who uses the devices at the moment, until interrupted')
  .option('--once', 'measure once and end', false)
  .option('--interval <millis>', 'how long to measure', integerWithin(50, TIMEOUT_MILLIS_MAX), 1_000)
  .action(async ({ once, interval }: { readonly once: boolean; readonly interval: number }) => {
    const controller = new AbortController();
    process.once('SIGINT', () => controller.abort());
    const options = { isOnce: once, intervalMillis: interval, signal: controller.signal };
    await showTop(takePicture, output, options);
  });

program
  .command('ping')
  .description('measure round trips of a request that does nothing')
  .option('-n, --count <number>', 'how many', integerWithin(1, PING_COUNT_MAX), 1_000)
  .action(({ count }: { readonly count: number }) =>
    withConnection((connection) =>
      ping(connection, output, { count, timeoutMillis: program.opts<GlobalOptions>().timeout }),
    ),
  );

program
  .command('mdevs')
  .description('for administrators: mediated devices that the daemon has made')
  .action(() => withAdministration((administration) => showOwnMdevs(administration, output)));

program
  .command('drain')
  .description('for administrators: take a device out of use, and its queues back')
  .argument('<device>', 'its name')
  .option('--undo', 'put it to use again', false)
  .action((device: string, { undo }: { readonly undo: boolean }) =>
    withAdministration((administration) => drain(administration, output, { device, isUndone: undo })),
  );

program
  .command('revoke')
  .description('for administrators: take a channel back from whoever has it, or one of its queues')
  .argument('<channel>', 'its number, as "warpctl queues" tells', integerWithin(1, Number.MAX_SAFE_INTEGER))
  .argument('[queue]', 'the number of a queue', integerWithin(1, 65_535))
  .option(
    '--grace <millis>',
    'how long its requests may take to complete',
    integerWithin(0, TIMEOUT_MILLIS_MAX),
    0,
  )
  .action((channel: number, queue: number | undefined, { grace }: { readonly grace: number }) =>
    withAdministration((administration) =>
      revoke(administration, output, { channel, queue: queue ?? 0, graceMillis: grace }),
    ),
  );

program
  .command('reload')
  .description('for administrators: apply what has changed in the configuration')
  .option('--dry-run', 'only tell what would change', false)
  .action(({ dryRun }: { readonly dryRun: boolean }) =>
    withAdministration((administration) => reload(administration, output, { isDryRun: dryRun })),
  );

addGzipCommand('gzip', 'compress each FILE to FILE.gz');
addGzipCommand('gunzip', 'decompress each FILE.gz to FILE');

function addGzipCommand(direction: Direction, description: string): void {
  const command = program
    .command(direction)
    .description(`${description}; "-", or no file: standard input to standard output`)
    .argument('[files...]', 'what to work on')
    .option('-k, --keep', 'keep the input', false)
    .option('-f, --force', 'replace existing files, follow links, use terminals', false)
    .option('-c, --stdout', 'write to standard output, and keep the input', false);
  if (direction === 'gzip') addLevelOptions(command);
  command.action(async (files: string[], options: ParsedGzipOptions) => {
    const all = { level: LEVEL_DEFAULT, ...options, direction };
    const named = files.length === 0 ? ['-'] : files;
    checkGzipOptions(named, { ...all, isJson: output.isJson });
    await withConnection((connection) => runGzip(connection, output, { ...all, files: named }));
  });
}

/** -1 to -9 as people know them, and -l with a number: the last one counts. */
function addLevelOptions(command: Command): void {
  command.option(
    '-l, --level <level>',
    'compression: -1 or -l 1 (fast) to -9',
    integerWithin(0, 9),
    LEVEL_DEFAULT,
  );
  for (const level of LEVELS) {
    command.addOption(new Option(`-${level}`).hideHelp());
    command.on(`option:${level}`, () => command.setOptionValueWithSource('level', level, 'cli'));
  }
}

function takePicture(): Promise<Picture> {
  const { runtimeDir, timeout } = program.opts<GlobalOptions>();
  const folder = runtimeDir ?? findRuntimeDir(process.env, process.getuid?.() ?? 0);
  return readPicture(resolve(folder), timeout);
}

/** Runs a command; its result is the exit code, nothing means success. */
async function withConnection(run: (connection: Connection) => Promise<number | void>): Promise<void> {
  const { runtimeDir, timeout } = program.opts<GlobalOptions>();
  const connection = await connect({
    ...(runtimeDir === undefined ? {} : { runtimeDir: resolve(runtimeDir) }),
    timeoutMillis: timeout,
    reconnectMillis: timeout,
  });
  try {
    process.exitCode = (await run(connection)) ?? exitCode('done');
  } finally {
    await connection.close();
  }
}

async function withAdministration(run: (administration: Administration) => Promise<void>): Promise<void> {
  const { runtimeDir } = program.opts<GlobalOptions>();
  // Draining takes its time, unless the caller says otherwise.
  const isTimeoutGiven = program.getOptionValueSource('timeout') === 'cli';
  const administration = new Administration({
    ...(runtimeDir === undefined ? {} : { runtimeDir: resolve(runtimeDir) }),
    ...(isTimeoutGiven ? { timeoutMillis: program.opts<GlobalOptions>().timeout } : {}),
  });
  try {
    await run(administration);
  } finally {
    administration.close();
  }
}
