import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exitCodeHelp } from '../../src/cli/exit-codes.ts';
import { type Connection, connect } from '../../src/client/index.ts';
import { startDaemon, type TestDaemon } from '../fixtures/daemon.ts';
import { documentOf, type Outcome, warpctl } from './warpctl.ts';

const COLUMNS_MAX = 80;

let daemon: TestDaemon;
let connection: Connection;

beforeAll(async () => {
  daemon = await startDaemon();
  connection = await connect({ runtimeDir: daemon.runtimeDir });
});

afterAll(async () => {
  await connection?.close();
  await daemon?.stop();
});

function ask(...args: string[]): Promise<Outcome> {
  return warpctl(['--runtime-dir', daemon.runtimeDir, ...args]);
}

function linesOf({ stdout }: Outcome): string[] {
  return stdout.toString().trimEnd().split('\n');
}

describe('devices', () => {
  test('lists the devices in a table that 80 columns hold, without colours in a pipe', async () => {
    const outcome = await ask('devices');
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    const lines = linesOf(outcome);
    expect(lines[0]).toMatch(
      /^DEVICE +DRIVER +STATE +HW QUEUES +LENT +IN FLIGHT +COMPLETED +FAILED +RESETS$/,
    );
    expect(lines).toContainEqual(expect.stringMatching(/^soft0 +soft +ready/));
    expect(lines).toContainEqual(expect.stringMatching(/^null0 +null +ready/));
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(COLUMNS_MAX);
    expect(outcome.stdout.includes('\u001b')).toBe(false);
  });

  test('tells machines which library serves which operation', async () => {
    expect(documentOf(await ask('devices', '--json'))).toEqual({
      devices: expect.arrayContaining([
        expect.objectContaining({
          name: 'soft0',
          state: 'ready',
          algorithms: expect.arrayContaining(['gzip']),
          libraries: expect.objectContaining({ 'gzip-compress': expect.any(String) }),
        }),
      ]),
    });
  });
});

describe('status', () => {
  test('names the version, the processes and the limits', async () => {
    const outcome = await ask('status');
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    const text = outcome.stdout.toString();
    expect(text).toContain(daemon.runtimeDir);
    expect(text).toMatch(/^engine +\S+ +yes$/m);
    expect(text).toMatch(/^shared_bytes +[\d.]+ KiB +1\.0 GiB$/m);
  });

  test('is a document for machines', async () => {
    expect(documentOf(await ask('--json', 'status'))).toMatchObject({
      runtimeDir: daemon.runtimeDir,
      version: expect.any(String),
      processes: expect.arrayContaining([expect.objectContaining({ name: 'engine', isConnected: true })]),
    });
  });
});

describe('queues', () => {
  test('says that there are none', async () => {
    expect((await ask('queues')).stdout.toString()).toBe('No queue is lent.\n');
  });

  test("lists another process's queue with its owner and its account", async () => {
    const queue = await connection.requestQueue({ algorithm: 'nop', depth: 8 });
    try {
      await queue.submit({ operation: 'nop' });
      const document = documentOf(await ask('queues', '--json'));
      expect(document).toEqual({
        queues: [
          expect.objectContaining({
            queue: queue.number,
            pid: process.pid,
            device: 'null0',
            algorithm: 'nop',
            depth: 8,
            inFlight: 0,
            completed: 1,
          }),
        ],
        waiting: [],
      });
      const lines = linesOf(await ask('queues'));
      expect(lines[0]).toMatch(
        /^CHANNEL +QUEUE +TENANT +PID +DEVICE +ALGORITHM +DEPTH +IN FLIGHT +COMPLETED$/,
      );
      expect(lines[1]).toMatch(new RegExp(`default:\\d+ +${process.pid} +null0 +nop +8 +0 +1$`));
    } finally {
      await queue.release();
    }
  });
});

describe('ping', () => {
  test('measures as many round trips as asked for', async () => {
    const document = documentOf(await ask('ping', '-n', '50', '--json')) as Record<string, number>;
    expect(document).toMatchObject({ device: 'null0', roundTrips: 50 });
    expect(document['minMicros']).toBeGreaterThan(0);
    expect(document['medianMicros']).toBeGreaterThanOrEqual(document['minMicros'] ?? NaN);
    expect(document['p99Micros']).toBeGreaterThanOrEqual(document['medianMicros'] ?? NaN);
  });

  test('prints them for people', async () => {
    const text = (await ask('ping', '-n', '50')).stdout.toString();
    expect(text).toMatch(/^null0: 50 round trips: min [\d.]+ us, median [\d.]+ us, p99 [\d.]+ us\n$/);
  });

  test('says what is missing where there is no null device', async () => {
    const softOnly = await startDaemon('[devices.soft0]\ndriver = "soft"\n');
    try {
      const outcome = await warpctl(['--runtime-dir', softOnly.runtimeDir, 'ping']);
      expect(outcome.code).toBe(1);
      expect(outcome.stderr).toContain('no device of the driver "null"');
      expect(outcome.stderr).toContain('[devices.null0]');
    } finally {
      await softOnly.stop();
    }
  });
});

describe('without a daemon', () => {
  const commands = [['devices'], ['status'], ['queues'], ['ping'], ['gzip', '-']];

  test.each(commands)('%s names the socket that was tried and how to start one', async (...command) => {
    const runtimeDir = join(daemon.runtimeDir, 'nobody');
    const outcome = await warpctl(['--runtime-dir', runtimeDir, ...command]);
    expect(outcome.code).toBe(3);
    expect(outcome.stdout).toHaveLength(0);
    expect(outcome.stderr).toContain(join(runtimeDir, 'warpdrive.sock'));
    expect(outcome.stderr).toContain('start the daemon with "warpdrived"');
  });

  test('answers machines in JSON, with the same exit code', async () => {
    const runtimeDir = join(daemon.runtimeDir, 'nobody');
    const outcome = await warpctl(['devices', '--json'], { env: { WARPDRIVE_RUNTIME_DIR: runtimeDir } });
    expect(outcome).toMatchObject({ code: 3, stderr: '' });
    expect(documentOf(outcome)).toEqual({
      error: {
        code: 'NO_DAEMON',
        operation: 'connect',
        found: expect.stringContaining(join(runtimeDir, 'warpdrive.sock')),
        hint: expect.stringContaining('warpdrived'),
      },
    });
  });
});

describe('the command line', () => {
  test('--help lists the exit codes', async () => {
    const outcome = await warpctl(['--help']);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(outcome.stdout.toString()).toContain(exitCodeHelp);
  });

  test.each([
    [[]],
    [['bogus']],
    [['devices', '--bogus']],
    [['ping', '-n', '0']],
    [['ping', '-n', '1e3']],
    [['--timeout', 'soon', 'devices']],
    [['gzip', '-l', '10', 'file']],
  ])('a mistake ends with 2: %j', async (args) => {
    const outcome = await warpctl(args);
    expect(outcome.code).toBe(2);
    expect(outcome.stdout).toHaveLength(0);
    expect(outcome.stderr).not.toBe('');
  });

  test('a mistake is JSON where JSON was asked for', async () => {
    const outcome = await warpctl(['bogus', '--json']);
    expect(outcome).toMatchObject({ code: 2, stderr: '' });
    expect(documentOf(outcome)).toMatchObject({
      error: { code: 'INVALID_ARGUMENT', found: "unknown command 'bogus'" },
    });
  });
});
