// Makes the clone runnable from any state of node_modules: installs exactly what package-lock.json names,
// then compiles src, bench and demo into dist, with the manual pages. Needs only Node and npm.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

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
process.stderr.write('setup: compiling\n');
rmSync(`${root}/dist`, { recursive: true, force: true });
run('npm', ['run', '--silent', 'build']);
run('npm', ['run', '--silent', 'manuals']);
