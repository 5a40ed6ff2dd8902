import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually, startDaemon, type TestDaemon } from '../fixtures/daemon.ts';
import { documentOf, type Outcome, type RunOptions, warpctl } from './warpctl.ts';

const MEBIBYTE = 2 ** 20;

let daemon: TestDaemon;
let folder: string;

beforeAll(async () => {
  daemon = await startDaemon();
});

afterAll(async () => {
  await daemon?.stop();
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'warpctl-test-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return warpctl(['--runtime-dir', daemon.runtimeDir, ...args], { cwd: folder, ...options });
}

const quiet = { code: 0, signal: null, stdout: Buffer.alloc(0), stderr: '' };

function write(name: string, data: Buffer | string): Buffer {
  writeFileSync(join(folder, name), data);
  return Buffer.from(data);
}

const read = (name: string): Buffer => readFileSync(join(folder, name));
const names = (): string[] => readdirSync(folder).sort();

/** Half of it can be compressed. */
function someData(bytes: number): Buffer {
  return Buffer.concat([randomBytes(bytes / 2), Buffer.alloc(bytes / 2, 'warp drive ')]);
}

describe('gzip', () => {
  test('replaces a file by one that node:zlib reads, and says nothing', async () => {
    const data = write('data', someData(3 * MEBIBYTE));
    expect(await run(['gzip', 'data'])).toEqual(quiet);
    expect(names()).toEqual(['data.gz']);
    expect(gunzipSync(read('data.gz')).equals(data)).toBe(true);
  });

  test.each([
    ['nothing', 0],
    ['one byte', 1],
  ])('takes a file of %s', async (_name, bytes) => {
    const data = write('data', Buffer.alloc(bytes, 7));
    expect(await run(['gzip', 'data'])).toEqual(quiet);
    expect(gunzipSync(read('data.gz'))).toEqual(data);
  });

  test('keeps permissions and time', async () => {
    write('data', 'some text');
    chmodSync(join(folder, 'data'), 0o640);
    utimesSync(join(folder, 'data'), 1_000_000_000, 1_000_000_000);
    expect(await run(['gzip', 'data'])).toEqual(quiet);
    expect(statSync(join(folder, 'data.gz'))).toMatchObject({ mtimeMs: 1_000_000_000_000 });
    expect(statSync(join(folder, 'data.gz')).mode & 0o7777).toBe(0o640);
  });

  test('keeps the input where that is asked for', async () => {
    write('data', 'some text');
    expect(await run(['gzip', '-k', 'data'])).toEqual(quiet);
    expect(names()).toEqual(['data', 'data.gz']);
  });

  test('-1 and -l 9 are levels, and the last one counts', async () => {
    const text = Array.from({ length: 20_000 }, (_, index) => `line ${index * index}\n`).join('');
    const sizes: number[] = [];
    for (const level of [['-1'], ['-9'], ['-1', '-l', '9']]) {
      write('data', text);
      expect(await run(['gzip', '-f', ...level, 'data'])).toEqual(quiet);
      sizes.push(read('data.gz').length);
    }
    const [fast, small, last] = sizes;
    expect(small).toBeLessThan(fast ?? 0);
    expect(last).toBe(small);
  });

  test('reads standard input and writes standard output', async () => {
    const data = someData(MEBIBYTE);
    for (const args of [['gzip'], ['gzip', '-'], ['gzip', '-c', '-']]) {
      const outcome = await run(args, { input: data });
      expect(outcome).toMatchObject({ code: 0, stderr: '' });
      expect(gunzipSync(outcome.stdout).equals(data)).toBe(true);
    }
    expect(names()).toEqual([]);
  });

  test('-c writes several files one after the other, and keeps them', async () => {
    const data = [write('a', someData(MEBIBYTE)), write('b', 'short'), write('c', someData(MEBIBYTE))];
    const outcome = await run(['gzip', '-c', 'a', 'b', 'c']);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(gunzipSync(outcome.stdout).equals(Buffer.concat(data))).toBe(true);
    expect(names()).toEqual(['a', 'b', 'c']);
  });

  test('leaves an existing target alone, unless forced', async () => {
    const data = write('data', 'new');
    write('data.gz', 'old');
    const refused = await run(['gzip', 'data']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('data.gz is there already');
    expect(refused.stderr).toContain('-f');
    expect(read('data.gz').toString()).toBe('old');
    expect(await run(['gzip', '-f', 'data'])).toEqual(quiet);
    expect(gunzipSync(read('data.gz'))).toEqual(data);
    expect(names()).toEqual(['data.gz']);
  });

  test('does not take what is no plain file', async () => {
    write('data', 'some text');
    mkdirSync(join(folder, 'folder'));
    symlinkSync('data', join(folder, 'link'));
    write('twice', 'some text');
    linkSync(join(folder, 'twice'), join(folder, 'again'));
    write('done.gz', gzipSync('text'));
    const before = names();
    const outcome = await run(['gzip', 'folder', 'link', 'twice', 'done.gz', 'missing']);
    expect(outcome.code).toBe(1);
    for (const reason of [
      /gzip folder: it is a folder/,
      /gzip link: ELOOP/,
      /gzip twice: it has 1 other name/,
      /gzip done\.gz: its name says that it is compressed already/,
      /gzip missing: ENOENT/,
    ])
      expect(outcome.stderr).toMatch(reason);
    expect(names()).toEqual(before);
  });

  test('one file that fails does not stop the others', async () => {
    const data = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => write(name, someData(64 * 1024)));
    const outcome = await run(['gzip', 'a', 'b', 'missing', 'c', 'd', 'e', 'f', '--json']);
    expect(outcome).toMatchObject({ code: 1, stderr: '' });
    const { files } = documentOf(outcome) as { files: Record<string, unknown>[] };
    expect(files.map(({ file }) => file)).toEqual(['a', 'b', 'missing', 'c', 'd', 'e', 'f']);
    expect(files[2]).toEqual({
      file: 'missing',
      error: {
        code: 'SYSTEM_CALL',
        operation: 'gzip missing',
        found: expect.stringContaining('ENOENT'),
        hint: 'check the name',
      },
    });
    expect(files[0]).toEqual({
      file: 'a',
      output: 'a.gz',
      inputBytes: data[0]?.length,
      outputBytes: read('a.gz').length,
      device: 'soft0',
      millis: expect.any(Number),
    });
    expect(names()).toEqual(['a.gz', 'b.gz', 'c.gz', 'd.gz', 'e.gz', 'f.gz']);
    expect(gunzipSync(read('f.gz'))).toEqual(data[5]);
  });

  test('says so where standard output takes no more', async () => {
    const data = write('data', someData(MEBIBYTE));
    const outcome = await run(['gzip', '-c', 'data'], { stdout: '/dev/full' });
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toMatch(/^warpctl: write to standard output: ENOSPC.*\(SYSTEM_CALL\)\n {2}.*\n$/);
    expect(names()).toEqual(['data']);
    expect(read('data').equals(data)).toBe(true);
  });

  test('data and JSON are not mixed on standard output', async () => {
    const outcome = await run(['gzip', '--json', '-']);
    expect(outcome).toMatchObject({ code: 2, stderr: '' });
    expect(documentOf(outcome)).toMatchObject({ error: { code: 'INVALID_ARGUMENT', operation: 'gzip' } });
  });
});

describe('gunzip', () => {
  test('gives back what gzip took', async () => {
    const data = write('data', someData(3 * MEBIBYTE));
    expect(await run(['gzip', 'data'])).toEqual(quiet);
    expect(await run(['gunzip', 'data.gz'])).toEqual(quiet);
    expect(names()).toEqual(['data']);
    expect(read('data').equals(data)).toBe(true);
  });

  test("takes other programs' files, of several members too", async () => {
    const data = someData(MEBIBYTE);
    write('one.gz', gzipSync(data));
    write('two.gz', Buffer.concat([gzipSync(data), gzipSync('end')]));
    write('archive.tgz', gzipSync('tar'));
    expect(await run(['gunzip', 'one.gz', 'two.gz', 'archive.tgz'])).toEqual(quiet);
    expect(names()).toEqual(['archive.tar', 'one', 'two']);
    expect(read('one').equals(data)).toBe(true);
    expect(read('two').equals(Buffer.concat([data, Buffer.from('end')]))).toBe(true);
  });

  test('-c writes to standard output whatever the name is', async () => {
    write('packed', gzipSync('some text'));
    const outcome = await run(['gunzip', '-c', 'packed']);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(outcome.stdout.toString()).toBe('some text');
    expect(names()).toEqual(['packed']);
  });

  test.each([
    ['rubbish', (_packed: Buffer) => Buffer.from('rubbish')],
    ['nothing', (_packed: Buffer) => Buffer.alloc(0)],
    ['a part', (packed: Buffer) => packed.subarray(0, packed.length - 10)],
    ['a flipped bit', (packed: Buffer) => packed.map((byte, at) => (at === 5000 ? byte ^ 1 : byte))],
    ['something behind it', (packed: Buffer) => Buffer.concat([packed, Buffer.from('more')])],
  ])('refuses %s, and keeps it', async (_name, spoil) => {
    const spoilt = write('data.gz', Buffer.from(spoil(gzipSync(randomBytes(MEBIBYTE)))));
    const outcome = await run(['gunzip', 'data.gz']);
    expect(outcome).toMatchObject({ code: 1, stdout: Buffer.alloc(0) });
    expect(outcome.stderr).toMatch(/^warpctl: gunzip data\.gz: .*\(CORRUPT_INPUT\)$/m);
    expect(names()).toEqual(['data.gz']);
    expect(read('data.gz').equals(spoilt)).toBe(true);
  });

  test('does not guess the name of the output', async () => {
    write('packed', gzipSync('some text'));
    const outcome = await run(['gunzip', 'packed']);
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain('does not end in .gz');
    expect(names()).toEqual(['packed']);
  });
});

describe('an interrupted run', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('leaves no half file after %s', async (signal) => {
    const slow = await startDaemon(
      '[devices.soft0]\ndriver = "soft"\nqueues = 1\n[devices.soft0.faults]\ndelay_millis = 200\n',
    );
    try {
      const data = write('data', someData(8 * MEBIBYTE));
      const interrupt = (child: { kill(signal: NodeJS.Signals): boolean }): Promise<void> =>
        eventually('a draft', () => names().length > 1).then(() => void child.kill(signal));
      const args = ['--runtime-dir', slow.runtimeDir, 'gzip', 'data'];
      const outcome = await warpctl(args, { cwd: folder, meanwhile: interrupt });
      expect(outcome).toMatchObject({ code: null, signal, stderr: '' });
      expect(names()).toEqual(['data']);
      expect(read('data').equals(data)).toBe(true);
    } finally {
      await slow.stop();
    }
  });
});
