// A progress bar: one line on stderr, redrawn in place, and only on a terminal.
//
//     gzip  [#########-----------]  45%  12.3 MiB of 27.0 MiB, 85.2 MB/s

import type { WriteStream } from 'node:tty';
import { isDrawable } from './output.ts';
import { formatBytes } from './units.ts';

export interface Progress {
  advance(bytes: number): void;
  /** Takes the line away; the next `advance` may bring it back. */
  clear(): void;
}

const CLEAR_LINE = '\r\u001b[2K';
const BAR_CELLS = 20;
/** Often enough to look alive, milliseconds. */
const REDRAW_MILLIS = 100;

/** `totalBytes`: what `advance` adds up to at the end; undefined if that isn't known. */
export function startProgress(stream: WriteStream, label: string, totalBytes: number | undefined): Progress {
  if (!isDrawable(stream)) return { advance: () => {}, clear: () => {} };
  const startMillis = performance.now();
  let doneBytes = 0;
  let drawnAtMillis = startMillis;
  let isShown = false;
  return {
    advance: (bytes) => {
      doneBytes += bytes;
      const nowMillis = performance.now();
      if (nowMillis - drawnAtMillis < REDRAW_MILLIS) return;
      drawnAtMillis = nowMillis;
      isShown = true;
      const line = formatLine(label, doneBytes, { totalBytes, millis: nowMillis - startMillis });
      // A longer line would wrap, and could not be cleared then.
      stream.write(`${CLEAR_LINE}${line.slice(0, stream.columns - 1)}`);
    },
    clear: () => {
      if (isShown) stream.write(CLEAR_LINE);
      isShown = false;
    },
  };
}

function formatLine(
  label: string,
  doneBytes: number,
  { totalBytes, millis }: { readonly totalBytes: number | undefined; readonly millis: number },
): string {
  const rate = `${(doneBytes / 1e3 / Math.max(millis, 1)).toFixed(1)} MB/s`;
  if (totalBytes === undefined) return `${label}  ${formatBytes(doneBytes)}, ${rate}`;
  // A file may grow while it is read.
  const share = totalBytes === 0 ? 1 : Math.min(doneBytes / totalBytes, 1);
  const cells = Math.floor(share * BAR_CELLS);
  const bar = '#'.repeat(cells) + '-'.repeat(BAR_CELLS - cells);
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  return `${label}  [${bar}] ${percent}  ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}, ${rate}`;
}
