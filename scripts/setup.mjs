// Makes the clone runnable from any state of node_modules: installs exactly what package-lock.json names,
// then compiles src, bench and demo into dist. Needs only Node and npm.
import { spawnSync } from 'node:child_process';
import { lstatSync, rmSync } from 'node:fs';
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

function removeUnlessFolder(path) {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined && !found.isDirectory()) rmSync(path, { force: true });
}

removeUnlessFolder(`${root}/node_modules`);
run('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--include=dev', '--include=optional']);
rmSync(`${root}/dist`, { recursive: true, force: true });
run('npm', ['run', '--silent', 'build']);
