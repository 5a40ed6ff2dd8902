// Real files to work on, which any machine with this package has: node itself, and this package with what it
// depends on. Each client gets others.

import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Input {
  readonly name: string;
  readonly data: Buffer;
}

/** Node's program is cut into pieces of this size, bytes. */
const PIECE_BYTES = 1_000_000;
/** Sources that are neither mostly overhead nor much larger than the pieces, bytes. */
const SOURCE_BYTES = { min: 4_000, max: PIECE_BYTES } as const;

/** About `bytes` bytes for client number `client` of `clients`: half of them text, half machine code. */
export function collectInputs(bytes: number, client: number, clients: number): Input[] {
  const texts = take(sourceFiles(client, clients), bytes / 2);
  const textBytes = texts.reduce((sum, { data }) => sum + data.length, 0);
  return texts.concat(take(programPieces(client, clients), bytes - textBytes));
}

function take(inputs: Iterable<Input>, bytes: number): Input[] {
  const taken: Input[] = [];
  let left = bytes;
  for (const input of inputs) {
    if (left <= 0) break;
    taken.push(input);
    left -= input.data.length;
  }
  return taken;
}

function* sourceFiles(client: number, clients: number): Generator<Input> {
  let index = 0;
  const root = findRoot();
  for (const folder of ['src', 'docs', 'proto', 'dist', 'node_modules']) {
    for (const path of walk(join(root, folder))) {
      if (index++ % clients !== client) continue;
      yield { name: path, data: readFileSync(path) };
    }
  }
}

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

const sourceName = /\.(?:[cm]?[jt]s|json|md|proto)$/;

function* walk(folder: string): Generator<string> {
  if (!existsSync(folder)) return;
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(path);
    else if (entry.isFile() && isSource(path)) yield path;
  }
}

function isSource(path: string): boolean {
  if (!sourceName.test(path)) return false;
  const { size } = statSync(path);
  return size >= SOURCE_BYTES.min && size <= SOURCE_BYTES.max;
}

/** Every client has its part of the program; they come again where it is too short. */
function* programPieces(client: number, clients: number): Generator<Input> {
  const fd = openSync(process.execPath, 'r');
  try {
    const pieces = Math.floor(statSync(process.execPath).size / PIECE_BYTES);
    for (let index = client; ; index += clients) {
      const data = Buffer.alloc(PIECE_BYTES);
      const at = (index % Math.max(pieces, 1)) * PIECE_BYTES;
      const length = readSync(fd, data, 0, PIECE_BYTES, at);
      yield { name: `${process.execPath} at ${at}`, data: data.subarray(0, length) };
    }
  } finally {
    closeSync(fd);
  }
}
