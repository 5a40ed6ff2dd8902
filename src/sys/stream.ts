// The file descriptor under one of Node's own sockets, for calls that Node doesn't make. Borrowed, never closed.

import type { Socket } from 'node:net';
import { assert } from '../shared/assert.ts';

/** The descriptor's number, while the socket is open. Node keeps it in `_handle`, which is not a public name. */
export function socketNumber(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle: { fd?: number } | null };
  const number = handle?.fd ?? -1;
  assert(number >= 0, 'the socket is open and has a descriptor');
  return number;
}
