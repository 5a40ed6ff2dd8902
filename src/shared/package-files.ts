// Files of the package that are not code: found from wherever the code runs, compiled or not.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert } from './assert.ts';

function findRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'proto', 'warpdrive'))) return folder;
    assert(folder !== '/', 'the package contains its proto folder');
  }
}

export const packageRoot = findRoot();
export const protoFile = join(packageRoot, 'proto', 'warpdrive', 'v1', 'warpdrive.proto');

export const packageVersion = (
  JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }
).version;
