// npm run demo: a daemon, several client processes, real work, every byte checked, and a report. Nothing is left
// afterwards, however it ends: no process, and no file, since all are in a folder of its own.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { type Connection, connect, type DeviceInfo } from '../src/client/index.ts';
import { Clients } from './clients.ts';
import { type Daemon, startDaemon } from './daemon.ts';
import { type Operation, operations } from './operations.ts';
import { type Progress, startProgress } from './progress.ts';
import { formatReport, type OperationReport, type Report } from './report.ts';

interface Options {
  readonly json: boolean;
  readonly clients: number;
  readonly megabytes: number;
}

const { json, clients, megabytes } = new Command('npm run demo --')
  .description('Starts a WarpDrive daemon without privileges and does real work through it.')
  .option('--json', 'print the report as JSON', false)
  .option('--clients <number>', 'client processes that work at once', integerWithin(1, 16), 4)
  .option('--megabytes <number>', 'data for each client to work on', integerWithin(1, 200), 10)
  .addHelpText('after', '\nEnds with 0 only if every byte was right.')
  .parse()
  .opts<Options>();

function integerWithin(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It takes a whole number from ${min} to ${max}.`);
  };
}

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupted.abort());
const progress = startProgress(process.stderr);
try {
  const report = await runDemo(progress, interrupted.signal);
  progress.clear();
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : formatReport(report));
} catch (error) {
  progress.clear();
  process.stderr.write(`demo: ${interrupted.signal.aborted ? 'interrupted' : (error as Error).message}\n`);
  process.exitCode = 1;
}

/** Whatever it starts has ended, and its folder is gone, when it returns or throws. */
async function runDemo(progress: Progress, signal: AbortSignal): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'warpdrive-demo-'));
  try {
    progress.show('starting the daemon');
    const daemon = await startDaemon(folder, signal);
    try {
      return await runClients(daemon, progress, signal);
    } finally {
      await daemon.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runClients({ runtimeDir }: Daemon, progress: Progress, signal: AbortSignal): Promise<Report> {
  const startMillis = performance.now();
  progress.show(`starting ${clients} clients`);
  const group = await Clients.start({ clients, bytesEach: megabytes * 1e6, runtimeDir, signal });
  let observer: Connection | undefined;
  try {
    observer = await connect({ runtimeDir });
    progress.show('round trips');
    const roundTrips = await group.ping();
    const libraries = librariesOf(await observer.devices());
    const reports: OperationReport[] = [];
    for (const [index, operation] of operations.entries()) {
      progress.show(`${index + 1} of ${operations.length}: ${operation.title}`);
      reports.push(await runOperation(group, operation, libraries));
    }
    return {
      version: (await observer.status()).version,
      clients,
      files: group.files,
      bytes: group.bytes,
      seconds: (performance.now() - startMillis) / 1000,
      operations: reports,
      roundTrips,
      devices: (await observer.devices()).map(({ name, completed, failed }) => ({ name, completed, failed })),
      isAllRight: true,
    };
  } finally {
    await observer?.close();
    await group.stop();
  }
}

function librariesOf(devices: readonly DeviceInfo[]): ReadonlyMap<string, string> {
  return new Map(devices.flatMap(({ libraries }) => Object.entries(libraries)));
}

async function runOperation(
  group: Clients,
  { name, title, deviceOperation }: Operation,
  libraries: ReadonlyMap<string, string>,
): Promise<OperationReport> {
  await group.take('warm-up', name);
  const startMillis = performance.now();
  const ranOn = await group.take('ours', name);
  const oursMillis = performance.now() - startMillis;
  await group.take('alone', name);
  const aloneMillis = performance.now() - startMillis - oursMillis;
  await group.take('compare', name);
  return {
    name,
    title,
    files: group.files,
    bytes: group.bytes,
    ranOn,
    library: libraries.get(deviceOperation) ?? 'node',
    megabytesPerSecond: group.bytes / 1000 / oursMillis,
    nodeAloneMegabytesPerSecond: group.bytes / 1000 / aloneMillis,
    isChecked: true,
  };
}
