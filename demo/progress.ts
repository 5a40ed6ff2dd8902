// What the demo is doing, on stderr: one line that is rewritten, and only on a terminal.

import type { WriteStream } from 'node:tty';

export interface Progress {
  show(text: string): void;
  clear(): void;
}

const CLEAR_LINE = '\r\u001b[2K';

export function startProgress(stream: WriteStream): Progress {
  if (!stream.isTTY || process.env['TERM'] === 'dumb') return { show: () => {}, clear: () => {} };
  return {
    // A longer line would wrap, and could not be cleared then.
    show: (text) => void stream.write(`${CLEAR_LINE}${text.slice(0, stream.columns - 1)}`),
    clear: () => void stream.write(CLEAR_LINE),
  };
}
