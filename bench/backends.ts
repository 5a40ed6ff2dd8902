// Prints what the tables of src/hwdrivers/soft/backends/plan.ts are made of: for each library and level the speed,
// and the size of the output relative to zlib's at every level, on machine code and on text.
//
//     node dist/bench/backends.js TEXTFILE...        a few hundred KiB of English text or more
//
// One call at a time on one core, gzip, from private memory to private memory: what a soft worker does.

import { readFileSync } from 'node:fs';
import { argv, execPath, exit } from 'node:process';
import { crc32 } from 'node:zlib';
import type { Codec } from '../src/hwdrivers/soft/backends/codec.ts';
import { LibdeflateCodec } from '../src/hwdrivers/soft/backends/libdeflate.ts';
import { IsalCodec } from '../src/hwdrivers/soft/backends/libisal.ts';
import { NodeCodec } from '../src/hwdrivers/soft/backends/node-zlib.ts';
import { Scratch } from '../src/hwdrivers/soft/backends/scratch.ts';
import { nativeCrc32, requireLibrary } from '../src/hwdrivers/soft/native.ts';

const KIB = 1024;
const BLOCK_BYTES = [4 * KIB, 16 * KIB, 64 * KIB] as const;
/** Blocks taken from a file, evenly spread. */
const BLOCKS_MAX = 48;
const SAMPLE_BYTES_MAX = 16 * KIB * KIB;
/** Each block is done this often, and the fastest time counts: the machine may be busy with other things. */
const REPEATS = 5;

requireLibrary('libisal');
requireLibrary('libdeflate');
/** Twice the largest block: members of incompressible blocks are larger than these. */
const scratch = new Scratch(2 * Math.max(...BLOCK_BYTES));
const node = new NodeCodec(scratch);
const isal = new IsalCodec(scratch);
const libdeflate = new LibdeflateCodec(scratch);

interface Measured {
  readonly bytes: number;
  readonly mbPerSecond: number;
}

function compressAll(codec: Codec, level: number, blocks: readonly Buffer[]): Measured {
  return timeAll(blocks, (block) => codec.compress('gzip', level, block.length));
}

/** Speed of decompressing what node:zlib compressed at its default level, in bytes of output. */
function decompressAll(codec: Codec, blocks: readonly Buffer[]): Measured {
  const members = blocks.map((block) => {
    scratch.load(block);
    return Buffer.from(scratch.output.buffer.subarray(0, node.compress('gzip', 6, block.length)));
  });
  const capacity = blocks[0]?.length ?? 0;
  const { mbPerSecond } = timeAll(members, (member) => codec.decompress('gzip', member.length, capacity));
  const ratio = sum(blocks.map(({ length }) => length)) / sum(members.map(({ length }) => length));
  return { bytes: 0, mbPerSecond: mbPerSecond * ratio };
}

function timeAll(inputs: readonly Buffer[], work: (input: Buffer) => number): Measured {
  let nanos = 0;
  let bytes = 0;
  for (const input of inputs) {
    let fastest = Number.POSITIVE_INFINITY;
    let produced = 0;
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const start = process.hrtime.bigint();
      scratch.load(input);
      produced = work(input);
      fastest = Math.min(fastest, Number(process.hrtime.bigint() - start));
    }
    nanos += fastest;
    bytes += produced;
  }
  return { bytes, mbPerSecond: (sum(inputs.map(({ length }) => length)) * 1000) / nanos };
}

function timeCrc32(blocks: readonly Buffer[], crc32Of: (block: Buffer) => number): Measured {
  return timeAll(blocks, (block) => {
    crc32Of(block);
    return 0;
  });
}

function blocksOf(data: Buffer, blockBytes: number): Buffer[] {
  const count = Math.min(BLOCKS_MAX, Math.floor(data.length / blockBytes));
  const step = Math.floor(data.length / count);
  return Array.from({ length: count }, (_, index) => data.subarray(index * step, index * step + blockBytes));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

function printRow(name: string, { bytes, mbPerSecond }: Measured, zlib: readonly Measured[]): void {
  const relative = zlib.map((other) => (bytes === 0 ? '' : (bytes / other.bytes).toFixed(3)).padStart(6));
  console.log(`${name.padEnd(14)} ${mbPerSecond.toFixed(0).padStart(5)} MB/s ${relative.join(' ')}`);
}

function printTable(title: string, blocks: readonly Buffer[]): void {
  const levels = range(1, 9);
  console.log(`\n${title}, ${blocks.length} blocks; output relative to zlib's at levels 1 to 9`);
  const zlib = levels.map((level) => compressAll(node, level, blocks));
  for (const [index, measured] of zlib.entries()) printRow(`zlib ${index + 1}`, measured, zlib);
  for (const level of range(1, 3)) printRow(`ISA-L ${level}`, compressAll(isal, level, blocks), zlib);
  for (const level of levels) printRow(`libdeflate ${level}`, compressAll(libdeflate, level, blocks), zlib);
  printRow('zlib -d', decompressAll(node, blocks), zlib);
  printRow('ISA-L -d', decompressAll(isal, blocks), zlib);
  printRow('libdeflate -d', decompressAll(libdeflate, blocks), zlib);
  printRow('node crc32', timeCrc32(blocks, crc32), zlib);
  printRow(
    'ISA-L crc32',
    timeCrc32(blocks, (block) => nativeCrc32('crc32_gzip_refl', block)),
    zlib,
  );
  printRow(
    'libdeflate crc',
    timeCrc32(blocks, (block) => nativeCrc32('libdeflate_crc32', block)),
    zlib,
  );
}

const textFiles = argv.slice(2);
if (textFiles.length === 0) {
  console.error('usage: node dist/bench/backends.js TEXTFILE...');
  exit(2);
}
const samples = {
  'machine code': readFileSync(execPath).subarray(0, SAMPLE_BYTES_MAX),
  text: Buffer.concat(textFiles.map((file) => readFileSync(file))).subarray(0, SAMPLE_BYTES_MAX),
};
for (const bytes of BLOCK_BYTES) {
  for (const [name, data] of Object.entries(samples)) {
    printTable(`${name}, ${bytes / KIB} KiB`, blocksOf(data, bytes));
  }
}
