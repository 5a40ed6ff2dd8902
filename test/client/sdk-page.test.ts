import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { type Operation, operations } from '../../src/shared/operations.ts';
import { startDaemon } from '../fixtures/daemon.ts';

const page = readFileSync(new URL('../../docs/SDK.md', import.meta.url), 'utf8');
const sdk = new URL('../../dist/src/client/index.js', import.meta.url).href;

interface Row {
  readonly algorithm: string;
  readonly ranges: Operation['ranges'];
  readonly session: string;
  readonly parameters: string;
  readonly returnsTag: boolean;
}

function documented(): Record<string, Row> {
  const section = page.split('\n## Operations\n')[1]?.split('\n## ')[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  return Object.fromEntries(
    rows.map((line) => {
      const [
        ,
        name = '',
        algorithm = '',
        source,
        destination,
        auxiliary = '',
        session = '',
        parameters = '',
        produced,
      ] = line.split('|').map((cell) => cell.trim());
      const ranges = {
        source: source === 'yes',
        destination: destination === 'yes',
        auxiliary: (auxiliary === '-' ? 'no' : auxiliary) as 'no' | 'optional' | 'yes',
      };
      const returnsTag = produced?.includes('tag') ?? false;
      return [
        name.replaceAll('`', ''),
        { algorithm, ranges, session: session === '-' ? 'none' : session, parameters, returnsTag },
      ];
    }),
  );
}

/** What the parameter area of an operation holds, in the page's words. */
function parametersOf({ name, parameterBytes }: Operation): string {
  if (parameterBytes === 0) return '-';
  if (parameterBytes === 4) return 'operand: 4';
  if (parameterBytes === 8) return 'pattern: 8';
  const iv = name.includes('gcm') ? 'iv: 12' : 'iv: 16';
  return parameterBytes === 16 ? iv : `${iv}, tag: 16`;
}

test("the page's table of operations is that of the code", () => {
  const expected = Object.values(operations).map((operation) => [
    operation.name,
    {
      algorithm: operation.algorithm,
      ranges: operation.ranges,
      session: operation.session,
      parameters: parametersOf(operation),
      returnsTag: operation.resultBytes > 0,
    },
  ]);
  expect(documented()).toEqual(Object.fromEntries(expected));
});

test("the page's complete example runs as it stands", async () => {
  const daemon = await startDaemon();
  const folder = mkdtempSync(join(tmpdir(), 'warpdrive-test-'));
  const program = join(folder, 'example.mjs');
  const example = /```js\n(.*?)```/s.exec(page)?.[1] ?? '';
  writeFileSync(program, example.replace("'warpdrive'", JSON.stringify(sdk)));
  const { stdout } = await promisify(execFile)(process.execPath, [program], {
    env: { ...process.env, WARPDRIVE_RUNTIME_DIR: daemon.runtimeDir },
  });
  expect(stdout).toMatch(/^soft0: 44000 -> \d+ bytes\nright\n$/);
  rmSync(folder, { recursive: true });
  await daemon.stop();
});
