import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import {
  hasLibrary,
  ISAL_LEVEL_BUFFER_BYTES,
  isalFormats,
  isalInflateLayout,
  isalZstreamLayout,
  nativeCrc32,
} from '../../../src/hwdrivers/soft/native.ts';
import type { Layout } from '../../../src/shared/layout.ts';
import { compressedBytesMax } from '../../../src/shared/operations.ts';
import { LibdeflateCodec } from '../../../src/hwdrivers/soft/backends/libdeflate.ts';
import { IsalCodec } from '../../../src/hwdrivers/soft/backends/libisal.ts';
import { NodeCodec } from '../../../src/hwdrivers/soft/backends/node-zlib.ts';
import { Scratch } from '../../../src/hwdrivers/soft/backends/scratch.ts';
import { DOES_NOT_FIT, streamFormats } from '../../../src/hwdrivers/soft/backends/codec.ts';
import { machineCode, noise, text } from './jobs.ts';

vi.setConfig({ testTimeout: 60_000 });

const isCi = process.env['CI'] === 'true';
const HEADER = '/usr/include/isa-l/igzip_lib.h';
const COMPILER = '/usr/bin/cc';

function offsets(layout: Layout<string>): Record<string, number> {
  return Object.fromEntries(Object.entries(layout.fields).map(([name, { offset }]) => [name, offset]));
}

test('the native libraries are there in CI, where all backends must be tested', () => {
  const missing = (['libisal', 'libdeflate'] as const).filter((library) => !hasLibrary(library));
  expect(isCi ? missing : []).toEqual([]);
});

test('a host without a library is told which package has it, and works by node with "auto"', () => {
  const folder = mkdtempSync(join(tmpdir(), 'warpdrive-no-libraries-'));
  try {
    // The loader looks here first, finds files that are no libraries, and gives up.
    for (const file of ['libisal.so.2', 'libdeflate.so.0']) writeFileSync(join(folder, file), '');
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', MAKE_EXECUTORS], {
      encoding: 'utf8',
      env: { ...process.env, LD_LIBRARY_PATH: folder },
    });
    expect(JSON.parse(output)).toEqual({
      libisal: 'CONFIG_INVALID libisal2',
      libdeflate: 'CONFIG_INVALID libdeflate0',
      auto: 'node node',
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const MAKE_EXECUTORS = `
  import { Executor } from '${new URL('../../../dist/src/hwdrivers/soft/execute.js', import.meta.url).href}';
  const made = {};
  for (const backend of ['libisal', 'libdeflate', 'auto']) {
    try {
      const { backends } = new Executor({ backend, requestBytesMax: 4096 });
      made[backend] = backends.get('gzip-compress') + ' ' + backends.get('gzip-decompress');
    } catch (error) {
      made[backend] = error.code + ' ' + /apt install ([a-z0-9]+)/.exec(error.hint)?.[1];
    }
  }
  console.log(JSON.stringify(made));
`;

test('the structs of ISA-L have the sizes and offsets of its ABI 2', () => {
  expect(isalZstreamLayout.bytes).toBe(82_384);
  expect(offsets(isalZstreamLayout)).toEqual({
    next_in: 0,
    avail_in: 8,
    total_in: 12,
    next_out: 16,
    avail_out: 24,
    total_out: 28,
    hufftables: 32,
    level: 40,
    level_buf_size: 44,
    level_buf: 48,
    end_of_stream: 56,
    flush: 58,
    gzip_flag: 60,
    hist_bits: 62,
    'internal_state.has_wrap_hdr': 132,
    'internal_state.count': 140,
  });
  expect(isalInflateLayout.bytes).toBe(87_368);
  expect(offsets(isalInflateLayout)).toEqual({
    next_out: 0,
    avail_out: 8,
    total_out: 12,
    next_in: 16,
    read_in: 24,
    avail_in: 32,
    read_in_length: 36,
    block_state: 21_160,
    crc_flag: 21_172,
    crc: 21_176,
    hist_bits: 21_180,
  });
});

test('the C compiler agrees about the structs and constants of ISA-L, where its header is installed', () => {
  const isInstalled = existsSync(HEADER) && existsSync(COMPILER);
  expect(isInstalled || !isCi, `${HEADER} and ${COMPILER} must be there in CI (libisal-dev, gcc)`).toBe(true);
  const expected = isInstalled ? fromCompiler() : fromTables();
  expect(fromTables()).toEqual(expected);
});

function fromTables(): Record<string, number> {
  const entries: [string, number][] = [
    ['gzip', isalFormats.gzip],
    ['zlib', isalFormats.zlib],
    ['level_buffer', ISAL_LEVEL_BUFFER_BYTES],
  ];
  for (const layout of [isalZstreamLayout, isalInflateLayout] as Layout<string>[]) {
    entries.push([layout.name, layout.bytes]);
    for (const [field, { offset, bytes }] of Object.entries(layout.fields)) {
      entries.push([`${layout.name}.${field}`, offset], [`${layout.name}.${field} width`, bytes]);
    }
  }
  return Object.fromEntries(entries);
}

function fromCompiler(): Record<string, number> {
  const lines: string[] = [];
  for (const { name, fields } of [isalZstreamLayout, isalInflateLayout] as Layout<string>[]) {
    lines.push(`printf("${name}=%zu\\n", sizeof(struct ${name}));`);
    for (const field of Object.keys(fields)) {
      lines.push(`printf("${name}.${field}=%zu\\n", offsetof(struct ${name}, ${field}));`);
      lines.push(`printf("${name}.${field} width=%zu\\n", sizeof(((struct ${name} *)0)->${field}));`);
    }
  }
  const program = `
    #include <stddef.h>
    #include <stdio.h>
    #include <isa-l/igzip_lib.h>
    _Static_assert(IGZIP_GZIP == ISAL_GZIP && IGZIP_ZLIB == ISAL_ZLIB, "one set of formats");
    int main(void) {
      printf("gzip=%d\\nzlib=%d\\nlevel_buffer=%d\\n", IGZIP_GZIP, IGZIP_ZLIB, ISAL_DEF_LVL3_DEFAULT);
      ${lines.join('\n')}
      return 0;
    }`;
  const folder = mkdtempSync(join(tmpdir(), 'warpdrive-layout-'));
  try {
    writeFileSync(join(folder, 'layout.c'), program);
    execFileSync(COMPILER, ['-o', join(folder, 'layout'), join(folder, 'layout.c')]);
    const output = execFileSync(join(folder, 'layout'), { encoding: 'utf8' }).trim();
    return Object.fromEntries(
      output.split('\n').map((line): [string, number] => {
        const [name = '', number = ''] = line.split('=');
        return [name, Number(number)];
      }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const nativeCodecs = [
  { library: 'libisal', make: (scratch: Scratch) => new IsalCodec(scratch), levels: [1, 2, 3] },
  { library: 'libdeflate', make: (scratch: Scratch) => new LibdeflateCodec(scratch), levels: [0, 1, 6, 9] },
] as const;
const codecsHere = [
  { library: 'node', make: (scratch: Scratch) => new NodeCodec(scratch), levels: [0, 1, 9] } as const,
  ...nativeCodecs.filter(({ library }) => hasLibrary(library)),
];

test.each(codecsHere)('$library: one call leaves nothing behind for the next', ({ make, levels }) => {
  const scratch = new Scratch(256 * 1024);
  const used = make(scratch);
  const inputs = [
    Buffer.alloc(0),
    text(1),
    noise(5000),
    machineCode(65_536),
    text(100_000),
    noise(128 * 1024),
  ];
  const compressed = (codec: typeof used, { format, level, input }: Step): Buffer => {
    scratch.load(input);
    return Buffer.from(scratch.output.buffer.subarray(0, codec.compress(format, level, input.length)));
  };
  const choices = noise(240, 7);
  for (let step = 0; step < 80; step++) {
    const format = streamFormats[(choices[step * 3] ?? 0) % streamFormats.length] ?? 'gzip';
    const level = levels[(choices[step * 3 + 1] ?? 0) % levels.length] ?? 1;
    const input = inputs[(choices[step * 3 + 2] ?? 0) % inputs.length] ?? Buffer.alloc(0);
    const fresh = make(scratch);
    const expected = compressed(fresh, { format, level, input });
    fresh.close();
    const member = compressed(used, { format, level, input });
    expect(member.equals(expected)).toBe(true);
    // Failures in between: cut, and broken in the middle.
    for (const bytes of [Math.floor(member.length / 2), member.length]) {
      scratch.load(member.subarray(0, bytes));
      if (bytes > 20 && bytes < member.length) scratch.input.buffer.fill(0xff, bytes - 10, bytes);
      const produced = used.decompress(format, bytes, scratch.requestBytesMax);
      if (bytes === member.length) expect(produced).toBe(input.length);
      else expect(produced).toBeLessThan(0);
    }
    expect(scratch.output.buffer.subarray(0, input.length).equals(input)).toBe(true);
  }
  used.close();
  scratch.close();
});

interface Step {
  readonly format: (typeof streamFormats)[number];
  readonly level: number;
  readonly input: Buffer;
}

test.each(codecsHere)('$library: writes nothing after the room that it was given', ({ make }) => {
  const scratch = new Scratch(128 * 1024);
  const node = new NodeCodec(scratch);
  const codec = make(scratch);
  const input = text(100_000);
  for (const format of streamFormats) {
    scratch.load(input);
    const bytes = node.compress(format, 6, input.length);
    const member = Buffer.from(scratch.output.buffer.subarray(0, bytes));
    for (const capacity of [0, 1, 2, 3, 15, 16, 17, 31, 33, 257, 4095, 4096, 65_537, 99_999]) {
      scratch.load(member);
      scratch.output.buffer.fill(0xa5);
      expect(codec.decompress(format, bytes, capacity)).toBe(DOES_NOT_FIT);
      const after = scratch.output.buffer.subarray(capacity);
      expect(after.equals(Buffer.alloc(after.length, 0xa5))).toBe(true);
    }
  }
  node.close();
  codec.close();
  scratch.close();
});

test.each(codecsHere)(
  '$library: what does not compress stays within the promised bound',
  ({ make, levels }) => {
    const scratch = new Scratch(512 * 1024);
    const codec = make(scratch);
    for (const bytes of [0, 1, 2, 100, 16_383, 16_384, 65_535, 65_536, 70_001, 512 * 1024]) {
      scratch.load(noise(bytes));
      for (const level of levels) {
        for (const format of streamFormats) {
          expect(codec.compress(format, level, bytes)).toBeLessThanOrEqual(compressedBytesMax(bytes));
        }
      }
    }
    codec.close();
    scratch.close();
  },
);

test('the CRC-32 of each library is that of gzip', () => {
  const functions = { libisal: 'crc32_gzip_refl', libdeflate: 'libdeflate_crc32' } as const;
  for (const [library, name] of Object.entries(functions)) {
    if (library !== 'libisal' && library !== 'libdeflate') continue;
    // The check value of CRC-32/ISO-HDLC.
    if (hasLibrary(library)) expect(nativeCrc32(name, Buffer.from('123456789'))).toBe(0xcbf43926);
  }
});
