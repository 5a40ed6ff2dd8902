// The null device: completes each request at once and does nothing. It measures WarpDrive and nothing else.

import { type Driver, type HardwareQueue, SEND_DONE } from '../driver.ts';
import type { Port, PortEvents } from '../port.ts';

/** No request is ever inside the device, so one tag would do. */
const DEPTH = 1;

function open(): HardwareQueue {
  return {
    depth: DEPTH,
    // A completion that says nothing is all zeros, which `completion` holds: nobody else writes into it.
    send: () => SEND_DONE,
    recv: () => false,
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
    isStopped: () => false,
    prepareSleep: () => true,
    setWanted() {},
    addRegion: () => Promise.resolve(),
    removeRegion() {},
    addSession() {},
    removeSession() {},
    reset() {},
    close: () => Promise.resolve(),
  };
}
