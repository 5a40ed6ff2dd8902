// A client writes into its region while the device works on it: another process scribbles over the same memfd.

import { type ChildProcess, spawn } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { crc32, deflateRawSync, gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Executor } from '../../../src/hwdrivers/soft/execute.ts';
import type { Fd } from '../../../src/sys/fd.ts';
import { createSealedMemory, type Mapping, mapShared } from '../../../src/sys/memory.ts';
import { backendsHere, machineCode, noise, run } from './jobs.ts';

const SOURCE_BYTES = 65_536;
/** At least this many requests; more until it was seen that the other process wrote meanwhile. */
const ROUNDS = 1000;
vi.setConfig({ testTimeout: 60_000 });

/** Writes 1 to 16 bytes of noise at random places of descriptor 3 for as long as it lives. */
const SCRIBBLER = `
  const { writeSync } = require('node:fs');
  const rubbish = require('node:crypto').randomBytes(4096);
  process.stdout.write('writing');
  const scribble = () => {
    for (let round = 0; round < 10_000; round++) {
      const at = Math.floor(Math.random() * (${SOURCE_BYTES} - 16));
      const from = Math.floor(Math.random() * 4080);
      writeSync(3, rubbish, from, 1 + Math.floor(Math.random() * 16), at);
    }
    setImmediate(scribble);
  };
  process.on('disconnect', () => process.exit());
  scribble();
`;

let fd: Fd;
let region: Mapping;
let scribbler: ChildProcess;

beforeAll(async () => {
  fd = createSealedMemory('test-region', SOURCE_BYTES);
  region = mapShared(fd, SOURCE_BYTES);
  scribbler = spawn(process.execPath, ['-e', SCRIBBLER], {
    stdio: ['ignore', 'pipe', 'inherit', fd.number, 'ipc'],
  });
  if (scribbler.stdout === null) throw new Error('the scribbler has an output');
  await once(scribbler.stdout, 'data');
});

afterAll(async () => {
  const ended = once(scribbler, 'exit');
  scribbler.kill();
  await ended;
  region.unmap();
  fd.close();
});

test.each(backendsHere)('%s: compression of changing input gives a member that is whole', (backend) => {
  const executor = new Executor({ backend, requestBytesMax: SOURCE_BYTES });
  const destination = Buffer.alloc(2 * SOURCE_BYTES);
  let sum = 0;
  let changes = 0;
  for (let round = 0; round < ROUNDS || changes === 0; round++) {
    const level = round % 10 === 0 ? 6 : 1;
    if (round % 100 === 0) machineCode(SOURCE_BYTES).copy(region.buffer);
    const { status, output } = run(executor, {
      operation: 'gzip-compress',
      level,
      source: region.buffer,
      destination,
    });
    expect(status).toBe('OK');
    if (round % 10 === 0) expect(gunzipSync(output).length).toBe(SOURCE_BYTES); // it checks the CRC-32
    const next = crc32(region.buffer);
    if (next !== sum) changes += 1;
    sum = next;
  }
  expectGuardsIn('warpdrive-soft-input');
  expectGuardsIn('warpdrive-soft-output');
  executor.close();
});

test.each(backendsHere)(
  '%s: decompression of changing input ends with a code or with the data',
  (backend) => {
    const executor = new Executor({ backend, requestBytesMax: SOURCE_BYTES });
    const data = machineCode(SOURCE_BYTES);
    const gzip = gzipSync(data);
    const deflate = deflateRawSync(data);
    const destination = Buffer.alloc(SOURCE_BYTES);
    const seen = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const isRaw = round % 2 === 0;
      const member = isRaw ? deflate : gzip;
      member.copy(region.buffer);
      const { status, output } = run(executor, {
        operation: isRaw ? 'deflate-decompress' : 'gzip-decompress',
        source: region.buffer.subarray(0, member.length),
        destination,
      });
      seen.add(status);
      expect(['OK', 'CORRUPT_INPUT', 'OUTPUT_TOO_SMALL']).toContain(status);
      if (status === 'OK' && !isRaw) expect(output.equals(data)).toBe(true);
    }
    expectGuardsIn('warpdrive-soft-input');
    expectGuardsIn('warpdrive-soft-output');
    executor.close();
  },
);

test('decryption of changing input gives the authenticated text or nothing', () => {
  const executor = new Executor({ backend: 'auto', requestBytesMax: SOURCE_BYTES });
  const key = noise(32);
  const cipher = createCipheriv('aes-256-gcm', key, Buffer.alloc(12));
  const plain = machineCode(4096);
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()]);
  const parameters = Buffer.alloc(64);
  cipher.getAuthTag().copy(parameters, 16);
  for (let round = 0; round < 5 * ROUNDS; round++) {
    encrypted.copy(region.buffer);
    const destination = Buffer.alloc(4096);
    const source = region.buffer.subarray(0, 4096);
    const { status } = run(executor, {
      operation: 'aes-256-gcm-decrypt',
      key,
      source,
      destination,
      parameters,
    });
    expect(['OK', 'WRONG_TAG']).toContain(status);
    expect(destination.equals(status === 'OK' ? plain : Buffer.alloc(4096))).toBe(true);
  }
  executor.close();
});

/** The memory has a page without access right before and after it. */
function expectGuardsIn(name: string): void {
  const lines = readFileSync('/proc/self/maps', 'utf8').split('\n');
  const at = lines.findIndex((line) => line.includes(name));
  expect(at).toBeGreaterThan(0);
  const [before, own, after] = [at - 1, at, at + 1].map((index) => partsOf(lines[index] ?? ''));
  expect(own?.access).toBe('rw-s');
  expect(before).toMatchObject({ access: '---p', end: own?.start });
  expect(after).toMatchObject({ access: '---p', start: own?.end });
}

function partsOf(line: string): { start: string; end: string; access: string } {
  const [, start = '', end = '', access = ''] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
  return { start, end, access };
}
