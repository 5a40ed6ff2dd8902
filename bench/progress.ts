// What is going on, on standard error: one line that is rewritten on a terminal, plain lines elsewhere.

import type { WriteStream } from 'node:tty';

export interface Progress {
  show(text: string): void;
  /** Clears the line. */
  end(): void;
}

/** A longer line would wrap, and then not be cleared. */
const COLUMNS_MAX = 79;
const CLEAR_LINE = '\r\u001b[2K';

export function startProgress(stream: WriteStream): Progress {
  if (!stream.isTTY) return { show: (text) => void stream.write(`${text}\n`), end: () => {} };
  return {
    show: (text) => void stream.write(`${CLEAR_LINE}${text.slice(0, COLUMNS_MAX)}`),
    end: () => void stream.write(CLEAR_LINE),
  };
}
