// Makes the clone runnable from any state of node_modules: installs exactly what package-lock.json names, unless it
// has done so, then compiles src, bench and demo into dist, with the manual pages. Needs only Node and npm.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Written when all is installed: what was, for which Node on which platform. */
const stamp = `${root}/node_modules/.installed`;
const wanted = [
  createHash('sha256')
    .update(readFileSync(`${root}/package-lock.json`))
    .digest('hex'),
  process.platform,
  process.arch,
  process.versions.modules,
].join(' ');

function run(command, args) {
  const { status, error, signal, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (status === 0) return;
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`);
  process.stderr.write(
    `setup: "${command} ${args.join(' ')}" failed (${error?.message ?? signal ?? `exit ${status}`})\n`,
  );
  process.exit(1);
}

// Not `npm ci`: it insists on the optional packages of all platforms, which not every registry mirror has. On an
// empty node_modules `npm install` follows the lock file as well, and without saving it changes nothing.
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  process.stderr.write('setup: installing the locked packages\n');
  rmSync(`${root}/node_modules`, { recursive: true, force: true });
  run('npm', [
    'install',
    '--no-save',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--include=dev',
    '--include=optional',
  ]);
  writeFileSync(stamp, wanted);
}
process.stderr.write('setup: compiling\n');
rmSync(`${root}/dist`, { recursive: true, force: true });
run('npm', ['run', '--silent', 'build']);
run('npm', ['run', '--silent', 'manuals']);
