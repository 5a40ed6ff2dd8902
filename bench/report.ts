// Results as a table for people, and as JSON for programs.

import { styleText } from 'node:util';
import { type Host, isBusy } from './host.ts';
import type { Result } from './measure.ts';
import { type Better, meetsBar } from './rounds.ts';

type Style = Parameters<typeof styleText>[0];
type Paint = (style: Style, text: string) => string;

const columns = ['figure', 'ours', 'yardstick', 'unit', 'ratio', 'bar', 'verdict', 'note'] as const;
const rightAligned: ReadonlySet<string> = new Set(['ours', 'yardstick', 'ratio']);

type Row = Readonly<Record<(typeof columns)[number], string>>;

/** The table, and below it what each figure compares and on which machine. Colours only on request. */
export function formatTable(
  results: readonly Result[],
  { host, isColoured }: { readonly host: Host; readonly isColoured: boolean },
): string {
  const paint: Paint = isColoured ? styleText : (_, text) => text;
  const header = Object.fromEntries(columns.map((name) => [name, name])) as Row;
  const rows = results.map(rowOf);
  const widths = columns.map((name) => Math.max(...[header, ...rows].map((row) => row[name].length)));
  const align = (row: Row) =>
    columns.map((name, index) => {
      const width = widths[index] ?? 0;
      return rightAligned.has(name) ? row[name].padStart(width) : row[name].padEnd(width);
    });
  const lines = [
    paint('bold', align(header).join('  ').trimEnd()),
    ...rows.map((row) => {
      const style = verdictStyles[row.verdict];
      const cells = align(row);
      const verdictIndex = columns.indexOf('verdict');
      const verdict = cells[verdictIndex] ?? '';
      if (style !== undefined) cells[verdictIndex] = paint(style, verdict);
      return cells.join('  ').trimEnd();
    }),
    '',
    ...results.map(({ name, what, against }) => paint('dim', `${name}: ${what} / ${against}`)),
    paint('dim', `on ${host.cores} cores of ${host.processor}, Node ${host.node}`),
  ];
  if (isBusy(host)) {
    const load = host.loadAverage.toFixed(1);
    lines.push(
      paint('red', `The machine was busy (load average ${load} before the first round): measure again.`),
    );
  }
  return `${lines.join('\n')}\n`;
}

const verdictStyles: Readonly<Record<string, Style>> = {
  met: 'green',
  'goal met': 'green',
  missed: 'red',
  'below goal': 'yellow',
  void: 'red',
  skipped: 'yellow',
};

function rowOf(result: Result): Row {
  return {
    figure: result.name,
    ours: formatNumber(result.value, result.unit),
    yardstick: formatNumber(result.yardstick, result.unit),
    unit: result.unit,
    ratio: formatNumber(result.ratio, result.unit),
    bar: formatBar(result),
    verdict: verdictOf(result),
    note: result.note ?? '',
  };
}

function formatNumber(value: number | null, unit: string): string {
  if (value === null) return '-';
  // Close to 1 is what counts.
  if (unit === '1') return value.toFixed(4);
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

function formatBar({ better, bar, most, goal, unit }: Result): string {
  const sign = signs[better];
  if (most !== undefined) return `<= ${most} ${unit}`;
  if (bar === undefined) return goal === undefined ? '' : `goal ${sign} ${goal}`;
  return goal === undefined ? `${sign} ${bar}` : `${sign} ${bar}, goal ${sign} ${goal}`;
}

const signs: Readonly<Record<Better, string>> = { lower: '<=', higher: '>=' };

function verdictOf({ value, yardstick, ratio, better, goal, pass, error }: Result): string {
  if (error !== undefined) return 'failed';
  if (value === null || yardstick === null) return 'skipped';
  if (ratio === null) return 'void';
  if (pass !== undefined) return pass ? 'met' : 'missed';
  if (goal === undefined) return '';
  return meetsBar(ratio, { better, bar: goal }) ? 'goal met' : 'below goal';
}

export function formatJson(results: readonly Result[], host: Host): string {
  return `${JSON.stringify({ host, results }, null, 2)}\n`;
}
