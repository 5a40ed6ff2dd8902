// File descriptors with one owner. Whoever holds an Fd closes it, exactly once; handing it on is `take()`.
// Open ones are counted by label, so that a test can prove that nothing was left open.

import { closeSync } from 'node:fs';
import { assert } from '../shared/assert.ts';
import { mustCall } from './errno.ts';
import { callLibc } from './libc.ts';

// fcntl(2), <bits/fcntl-linux.h>, <linux/fcntl.h>
const F_SETFD = 2;
const F_DUPFD_CLOEXEC = 1030;
const FD_CLOEXEC = 1;
const STDERR = 2;

/** A descriptor on loan: whoever has it uses the number and leaves the closing to its owner. */
export interface Descriptor {
  readonly number: number;
}

const openByLabel = new Map<string, number>();

export class Fd {
  readonly label: string;
  #number: number;

  /** Takes ownership of an open descriptor. `label` says what it is: it shows in messages and counts. */
  constructor(number: number, label: string) {
    assert(Number.isInteger(number) && number >= 0, `${label}: ${number} is a file descriptor`);
    this.#number = number;
    this.label = label;
    count(label, 1);
  }

  /** Takes ownership of a descriptor that was open when this process began. No child of it gets it. */
  static inherited(number: number, label: string): Fd {
    mustCall(`keep ${label} to this process`, 'fcntl', number, F_SETFD, FD_CLOEXEC);
    return new Fd(number, label);
  }

  /** The number, for a call that borrows it. */
  get number(): number {
    assert(this.#number >= 0, `${this.label} is open`);
    return this.#number;
  }

  get isOpen(): boolean {
    return this.#number >= 0;
  }

  /** Gives up ownership: the caller, or the library it passes the number to, closes it from now on. */
  take(): number {
    const number = this.number;
    this.#number = -1;
    count(this.label, -1);
    return number;
  }

  /** A second descriptor of the same open file, with an owner of its own. */
  dup(label = this.label): Fd {
    return new Fd(mustCall(`duplicate ${this.label}`, 'fcntl', this.number, F_DUPFD_CLOEXEC, 3), label);
  }

  /** Closes it; nothing happens if that was done before. */
  close(): void {
    if (this.isOpen) closeSync(this.take());
  }
}

/**
 * Has the kernel make its table of this process's descriptors as large as it will be: each time that it doubles, a
 * process with threads waits for all processors. Nothing happens where the limit of open files is lower.
 */
export function makeRoomForFds(fds: number): void {
  const { value } = callLibc('fcntl', STDERR, F_DUPFD_CLOEXEC, fds - 1);
  if (value !== -1) closeSync(value);
}

function count(label: string, change: number): void {
  const sum = (openByLabel.get(label) ?? 0) + change;
  if (sum === 0) openByLabel.delete(label);
  else openByLabel.set(label, sum);
}

/** How many Fds of this process are open, by label. Empty when all were closed or handed on. */
export function openFds(): ReadonlyMap<string, number> {
  return openByLabel;
}

export function closeAll(fds: Iterable<Fd>): void {
  for (const fd of fds) fd.close();
}
