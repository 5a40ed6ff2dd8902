// Builds the Debian package from the npm tarball: `node scripts/build-deb.mjs [FOLDER]`, into build/ unless told
// otherwise. The packages that it needs and the Node runtime of packaging/runtime.json come from the npm registry.
//
//     npm pack -> tarball -> npm install (as the lock says) -> make install -> + runtime -> dpkg-deb
//
// The date of everything in it is that of the last commit, or $SOURCE_DATE_EPOCH.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const debian = join(root, 'packaging/debian');
const output = resolve(process.argv[2] ?? join(root, 'build'));
/** Where the installed commands find the runtime. */
const NODE = '/usr/lib/warpdrive/bin/node';

function run(program, args, options = {}) {
  return execFileSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    ...options,
  });
}
const install = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', '--silent'];

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const runtime = JSON.parse(readFileSync(join(root, 'packaging/runtime.json'), 'utf8'));
const work = mkdtempSync(join(tmpdir(), 'warpdrive-deb-'));
try {
  mkdirSync(output, { recursive: true });
  const [{ filename }] = JSON.parse(
    run('npm', ['pack', '--json', '--silent', '--pack-destination', work]).replace(/^[^[]*/, ''),
  );
  run('tar', ['-xf', join(work, filename), '-C', work]);
  const unpacked = join(work, 'package');
  cpSync(join(root, 'package-lock.json'), join(unpacked, 'package-lock.json'));
  run('npm', [...install, '--omit=dev'], { cwd: unpacked });

  const image = join(work, 'image');
  run('make', ['install', `DESTDIR=${image}`, 'PREFIX=/usr', `NODE=${NODE}`], { cwd: unpacked });
  addRuntime(image);
  addDocuments(image);
  addControl(image);
  const file = join(output, `warpdrive_${version}_amd64.deb`);
  const epoch = process.env['SOURCE_DATE_EPOCH'] ?? run('git', ['log', '-1', '--format=%ct']).trim();
  run('dpkg-deb', ['--root-owner-group', '-Zxz', '-z1', '--build', image, file], {
    env: { ...process.env, SOURCE_DATE_EPOCH: epoch },
  });
  process.stdout.write(`${file}\n`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

function addRuntime(image) {
  const folder = join(work, 'runtime');
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{}\n');
  run('npm', [...install, '--no-save', `${runtime.package}@${runtime.version}`], { cwd: folder });
  const unpacked = join(folder, 'node_modules', runtime.package);
  const binary = join(image, NODE);
  mkdirSync(join(binary, '..'), { recursive: true });
  cpSync(join(unpacked, 'bin/node'), binary);
  run('strip', ['--strip-unneeded', binary]);
  cpSync(join(unpacked, 'LICENSE'), join(image, 'usr/share/doc/warpdrive/node-LICENSE'));
}

function addDocuments(image) {
  const folder = join(image, 'usr/share/doc/warpdrive');
  cpSync(join(debian, 'copyright'), join(folder, 'copyright'));
  writeFileSync(join(folder, 'changelog'), readFileSync(join(root, 'CHANGELOG.md')));
  run('gzip', ['-9n', join(folder, 'changelog'), join(folder, 'node-LICENSE')]);
  const pages = run('find', [join(image, 'usr/share/man'), '-type', 'f'])
    .trim()
    .split('\n');
  run('gzip', ['-9n', ...pages]);
  const overrides = join(image, 'usr/share/lintian/overrides');
  mkdirSync(overrides, { recursive: true });
  cpSync(join(debian, 'lintian-overrides'), join(overrides, 'warpdrive'));
}

function addControl(image) {
  const folder = join(image, 'DEBIAN');
  mkdirSync(folder);
  const kibibytes = run('du', ['-sk', '--apparent-size', image]).split('\t')[0];
  const control = readFileSync(join(debian, 'control'), 'utf8');
  writeFileSync(
    join(folder, 'control'),
    control.replace('@VERSION@', version).replace('@INSTALLED_KIB@', kibibytes),
  );
  cpSync(join(debian, 'conffiles'), join(folder, 'conffiles'));
  for (const name of ['postinst', 'prerm', 'postrm']) {
    cpSync(join(debian, name), join(folder, name));
    run('chmod', ['755', join(folder, name)]);
  }
  // Each file's mode is what it needs to be for everybody.
  run('chmod', ['-R', 'u=rwX,go=rX', image]);
}
