// How warpctl speaks: tables for people, one JSON document on stdout for machines, errors in the same form.

import type { Writable } from 'node:stream';
import { styleText } from 'node:util';
import type { WarpError } from '../client/index.ts';

const COLUMNS_MAX = 80;

type Style = Parameters<typeof styleText>[0];

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** How a cell looks on a terminal. */
  readonly style?: (cell: string) => Style | undefined;
}

/** Where `stream` is a terminal that may be drawn on. */
export function isDrawable(stream: Writable & { readonly isTTY?: boolean }): boolean {
  return stream.isTTY === true && process.env['TERM'] !== 'dumb';
}

function isColoured(stream: Writable): boolean {
  return isDrawable(stream) && (process.env['NO_COLOR'] ?? '') === '';
}

export class Output {
  readonly isJson: boolean;
  /** What has to happen before anything is written: a progress bar clears its line. */
  #beforeWrite: () => void = () => {};

  constructor(options: { readonly isJson: boolean }) {
    this.isJson = options.isJson;
  }

  beforeWrite(action: () => void): void {
    this.#beforeWrite = action;
  }

  /** The result of a command: `document` for machines, `text` for people. */
  show(document: object, text: string): void {
    this.#beforeWrite();
    process.stdout.write(this.isJson ? `${JSON.stringify(document)}\n` : text);
  }

  /** Why a command failed. */
  fail(error: WarpError): void {
    if (this.isJson) this.show({ error: errorDocument(error) }, '');
    else this.complain(error);
  }

  /** One failure among other things that go on, on stderr; machines find it in the result. */
  complain({ operation, found, code, hint }: WarpError): void {
    if (this.isJson) return;
    this.#beforeWrite();
    const name = isColoured(process.stderr) ? styleText('red', 'warpctl:') : 'warpctl:';
    process.stderr.write(`${name} ${operation}: ${found} (${code})\n  ${hint}\n`);
  }
}

export function errorDocument({ code, operation, found, hint }: WarpError): object {
  return { code, operation, found, hint };
}

/** Rows under titles; columns stand closer where 80 columns would not do otherwise. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, at) =>
    Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)),
  );
  const cellsWidth = widths.reduce((sum, width) => sum + width, 0);
  const gap = ' '.repeat(cellsWidth + 2 * (widths.length - 1) <= COLUMNS_MAX ? 2 : 1);
  const hasColours = isColoured(process.stdout);
  const line = (cells: readonly string[], styleOf: (column: Column, cell: string) => Style | undefined) =>
    columns
      .map((column, at) => {
        const cell = cells[at] ?? '';
        const width = widths[at] ?? 0;
        const isLast = at === columns.length - 1;
        const left = isLast ? cell : cell.padEnd(width);
        const padded = column.align === 'right' ? cell.padStart(width) : left;
        const style = hasColours ? styleOf(column, cell) : undefined;
        return style === undefined ? padded : styleText(style, padded);
      })
      .join(gap)
      .concat('\n');
  const titles = line(
    columns.map(({ title }) => title),
    () => 'bold',
  );
  return titles + rows.map((row) => line(row, (column, cell) => column.style?.(cell))).join('');
}

/** Words separated by commas, in lines that end before column 80 and begin at column `indent`. */
export function formatList(words: readonly string[], indent: number): string {
  const lines: string[] = [''];
  for (const [index, word] of words.entries()) {
    const piece = index === words.length - 1 ? word : `${word}, `;
    const last = lines.length - 1;
    const extended = `${lines[last]}${piece}`;
    if (indent + extended.trimEnd().length > COLUMNS_MAX) lines.push(piece);
    else lines[last] = extended;
  }
  return lines.map((line) => line.trimEnd()).join(`\n${' '.repeat(indent)}`);
}
