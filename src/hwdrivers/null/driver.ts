// The null device: completes each request at once and does nothing. It measures WarpDrive and nothing else.

import { C_SLOT, COMPLETION_WORDS } from '../../shared/channel/layout.ts';
import type { Driver, HardwareQueue } from '../driver.ts';
import type { Port, PortEvents } from '../port.ts';

/** Requests that are sent before the first is received: as large a batch as the engine takes from a channel. */
const DEPTH = 64;

function open(): HardwareQueue {
  const done = new Int32Array(DEPTH);
  let head = 0;
  let tail = 0;
  return {
    depth: DEPTH,
    send(_rows, _base, tag) {
      done[tail++ & (DEPTH - 1)] = tag;
      return true;
    },
    recv(completion) {
      if (head === tail) return false;
      const tag = done[head++ & (DEPTH - 1)] as number;
      for (let word = 0; word < COMPLETION_WORDS; word++) completion[word] = 0;
      completion[C_SLOT] = tag;
      head |= 0;
      tail |= 0;
      return true;
    },
    close() {},
  };
}

export const nullDriver: Driver<void> = { deviceApis: ['null'], algorithms: ['nop'], open };

/** The null device keeps no memory and never sleeps: most of a port is nothing to do. */
export function openNullPort(events: PortEvents): Port {
  queueMicrotask(() => events.onReady(new Map()));
  return {
    queue: open(),
    runningTag: () => -1,
    prepareSleep: () => true,
    addRegion() {},
    removeRegion() {},
    addSession() {},
    removeSession() {},
    reset() {},
    close: () => Promise.resolve(),
  };
}
