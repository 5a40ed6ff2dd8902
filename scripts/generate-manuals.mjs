// Makes the manual pages and the bash completion: `node scripts/generate-manuals.mjs [FOLDER]`, into dist unless told
// otherwise. Everything in them comes from what makes the help of the commands and the tables of docs/CONFIG.md.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exitCodeRows } from '../dist/src/cli/exit-codes.js';
import { program as warpctl } from '../dist/src/cli/program.js';
import { program as warpdrived } from '../dist/src/daemon/command-line.js';
import { descriptionOf, expectedOf } from '../dist/src/daemon/config/problems.js';
import { limitDefaults, sections } from '../dist/src/daemon/config/schema.js';
import { commandPage, completion, exitCodes, files, seeAlso } from './manuals/commands.mjs';
import { bold, entry, example, page, paragraph, section, text } from './manuals/roff.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = process.argv[2] ?? join(root, 'dist');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const date =
  /^## \S+, (\d{4}-\d{2}-\d{2})$/m.exec(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'))?.[1] ?? version;

const daemonFiles = [
  ['/etc/warpdrive/warpdrived.toml', 'the configuration of the service'],
  ['/run/warpdrive', 'the sockets of the service: `warpdrive.sock`, `fd.sock`, `metrics.sock`'],
];

function keyEntry(heading, key, schema) {
  const { meaning = '', unit, example: shown, fallback } = descriptionOf(schema) ?? {};
  const standard =
    (heading === '[limits]' ? limitDefaults[key] : undefined) ?? schema.safeParse(undefined).data;
  const value = fallback ?? (standard === undefined ? undefined : `\`${JSON.stringify(standard)}\``);
  const parts = [
    `${meaning}.`,
    `Values: ${expectedOf(schema)}${unit === undefined ? '' : ` (${unit})`}.`,
    value === undefined ? 'It has to be given.' : `Default: ${value}.`,
    `Example: \`${key} = ${shown}\``,
  ];
  return entry(bold(key), text(parts.join(' ')));
}

const pages = [
  [
    { name: 'warpctl', number: 1, title: 'User Commands' },
    commandPage(warpctl, 'look at a WarpDrive daemon, compress files with its devices', [
      ...exitCodes(exitCodeRows),
      ...files(daemonFiles.slice(1)),
      ...seeAlso('warpdrived(8)', 'warpdrived.toml(5)'),
    ]),
  ],
  [
    { name: 'warpdrived', number: 8, title: 'System Administration' },
    commandPage(warpdrived, 'lend hardware queues of accelerators to processes', [
      ...section(
        'Services',
        ...paragraph(
          'Under systemd `warpdrive.target` has two services of each part, of which one serves and the other stands by: `warpdrive-custodian@1` and `@2`, `warpdrive-engine@1` and `@2`, `warpdrive-broker@1` and `@2`. Each can be restarted by itself, and clients go on. `systemctl reload warpdrive-custodian@1` applies another configuration.',
        ),
      ),
      ...exitCodes([
        ['0', 'it was told to stop'],
        ['1', 'something failed'],
        ['2', 'the configuration or the command line is not valid'],
        ['3', 'another one serves already'],
      ]),
      ...files(daemonFiles),
      ...seeAlso('warpctl(1)', 'warpdrived.toml(5)'),
    ]),
  ],
  [
    { name: 'warpdrived.toml', number: 5, title: 'File Formats' },
    [
      ...section('Name', 'warpdrived.toml \\- the configuration of WarpDrive'),
      ...section(
        'Description',
        text(
          'What the daemon lends, and how much. A file is taken whole or not at all: `warpdrived --check-config FILE` says what is wrong with it.',
        ),
      ),
      ...sections.flatMap(({ heading, keys }) =>
        section(heading, ...Object.entries(keys).flatMap(([key, schema]) => keyEntry(heading, key, schema))),
      ),
      ...section('Example', ...example(readFileSync(join(root, 'systemd/warpdrived.toml'), 'utf8'))),
      ...files(daemonFiles.slice(0, 1)),
      ...seeAlso('warpdrived(8)'),
    ],
  ],
];

for (const name of ['man', 'completions']) mkdirSync(join(folder, name), { recursive: true });
for (const [head, lines] of pages) {
  const path = join(folder, 'man', `${head.name}.${head.number}`);
  writeFileSync(path, page(Object.assign(head, { date, version }), lines));
}
writeFileSync(join(folder, 'completions/warpctl'), completion(warpctl));
const roles = ['custodian', 'engine', 'broker'];
writeFileSync(join(folder, 'completions/warpdrived'), completion(warpdrived, { arguments: roles }));
