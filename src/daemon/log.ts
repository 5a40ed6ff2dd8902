// The log: JSON lines on stderr, since stdout is for what a caller asked for. Where stderr is the journal's, each line
// begins with its priority, which the journal takes off: "journalctl -p warning" finds what it should.

import { fstatSync } from 'node:fs';
import pino, { type Logger } from 'pino';
import { STDERR, writeStderr } from '../sys/stderr.ts';

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'silent'] as const;

/** Of syslog(3), for the levels of pino; see sd-daemon(3). */
const priorities: Readonly<Record<number, number>> = { 60: 2, 50: 3, 40: 4, 30: 6, 20: 7 };

/** `hasPriorities`: begin each line with its priority. */
export function createLog(name: string, level: string, hasPriorities = isJournal(STDERR)): Logger {
  const stream = {
    // pino then tells the level of each line, here.
    [Symbol.for('pino.metadata')]: true,
    lastLevel: 0,
    write(line: string): void {
      const priority = priorities[stream.lastLevel] ?? priorities[30];
      writeStderr(hasPriorities ? `<${priority}>${line}` : line);
    },
  };
  return pino({ name, level }, stream);
}

/** Whether a descriptor leads to the journal: $JOURNAL_STREAM names its file, systemd.exec(5). */
function isJournal(fd: number): boolean {
  const { dev, ino } = fstatSync(fd);
  return process.env['JOURNAL_STREAM'] === `${dev}:${ino}`;
}
