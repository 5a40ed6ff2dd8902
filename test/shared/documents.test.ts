// Documents and generated files that must say what the code says.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { metricRows } from '../../src/daemon/broker/metrics.ts';
import { descriptionOf, expectedOf } from '../../src/daemon/config/problems.ts';
import { limitDefaults, sections } from '../../src/daemon/config/schema.ts';
import { completionLayout, headerLayout, requestLayout } from '../../src/shared/channel/layout.ts';
import { errorRows } from '../../src/shared/error-table.ts';
import type { Layout } from '../../src/shared/layout.ts';
import { packageRoot } from '../../src/shared/package-files.ts';

function read(path: string): string {
  return readFileSync(join(packageRoot, path), 'utf8');
}

function layoutRows({ fields }: Layout<string>): string[] {
  return Object.entries(fields).map(
    ([name, { offset, bytes, writer, meaning }]) =>
      `| ${offset} | ${bytes} | \`${name}\` | ${writer} | ${meaning} |`,
  );
}

describe('docs/PROTOCOL.md', () => {
  it.each([
    ['header', headerLayout],
    ['request', requestLayout],
    ['completion', completionLayout],
  ] as const)('has the table of the %s, row by row', (_, layout) => {
    expect(read('docs/PROTOCOL.md')).toContain(layoutRows(layout).join('\n'));
  });
});

describe('docs/ERRORS.md', () => {
  it('has every code, with number, place, status, meaning and hint', () => {
    const rows = Object.entries(errorRows).map(
      ([code, [number, places, status, meaning, hint]]) =>
        `| \`${code}\` | ${number} | ${places.join(', ')} | ${status} | ${meaning} | ${hint} |`,
    );
    expect(read('docs/ERRORS.md')).toContain(rows.join('\n'));
  });

  it('gives no number twice', () => {
    const numbers = Object.values(errorRows).map(([number]) => number);
    expect(new Set(numbers).size).toBe(numbers.length);
  });
});

/** A table of keys, as the page has it. */
function keyTable({ heading, keys }: (typeof sections)[number]): string {
  const defaults: Readonly<Record<string, unknown>> = heading === '[limits]' ? limitDefaults : {};
  const defaultOf = (key: string, schema: z.ZodType): string => {
    const fallback = descriptionOf(schema)?.fallback;
    if (fallback !== undefined) return fallback;
    const value = defaults[key] ?? schema.safeParse(undefined).data;
    return value === undefined ? 'none' : `\`${JSON.stringify(value)}\``;
  };
  const rows = Object.entries(keys).map(([key, schema]) => {
    const { meaning, unit = '', example } = descriptionOf(schema) ?? { meaning: '', example: '' };
    const cells = [`\`${key}\``, defaultOf(key, schema), expectedOf(schema), unit, `\`${example}\``, meaning];
    return `| ${cells.join(' | ')} |`;
  });
  return ['| key | default | values | unit | example | meaning |', '|---|---|---|---|---|---|', ...rows].join(
    '\n',
  );
}

describe('docs/CONFIG.md', () => {
  it.each(sections)(
    'has every key of $heading, with default, values, unit, example and meaning',
    (section) => {
      expect(read('docs/CONFIG.md')).toContain(keyTable(section));
    },
  );

  it.each(sections)('has examples for $heading that are taken', ({ keys }) => {
    for (const [key, schema] of Object.entries(keys)) {
      const { value } = parse(`value = ${descriptionOf(schema)?.example}`);
      expect(schema.safeParse(value).error, key).toBeUndefined();
    }
  });
});

describe('docs/METRICS.md', () => {
  it('has every metric, with type, labels and meaning', () => {
    const rows = metricRows.map(
      ({ name, type, labels, help }) =>
        `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`,
    );
    expect(read('docs/METRICS.md')).toContain(rows.join('\n'));
  });
});

describe('src/shared/gen', () => {
  it('is what the generator makes of proto/', () => {
    const folder = mkdtempSync(join(tmpdir(), 'warpdrive-test-'));
    execFileSync(process.execPath, [join(packageRoot, 'scripts/generate-types.mjs'), folder]);
    const files = (root: string): string[] =>
      readdirSync(root, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
        .sort();
    const committed = join(packageRoot, 'src/shared/gen');
    expect(files(folder)).toEqual(files(committed));
    for (const file of files(folder)) {
      expect(readFileSync(join(folder, file), 'utf8')).toBe(readFileSync(join(committed, file), 'utf8'));
    }
    rmSync(folder, { recursive: true });
  });
});
