// Faults on purpose: what an administrator configures to see how programs, and this daemon, take a bad device.

import type { SoftFaults } from './options.ts';

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Lets the configured fault happen to one request. True: the request is to fail with a device error. */
export function injectFault(faults: SoftFaults): boolean {
  if (faults.delay_millis > 0) Atomics.wait(sleeper, 0, 0, faults.delay_millis);
  if (happens(faults.crash_rate)) process.kill(process.pid, 'SIGKILL');
  if (happens(faults.hang_rate)) for (;;) Atomics.wait(sleeper, 0, 0);
  return happens(faults.error_rate);
}

function happens(rate: number): boolean {
  return rate > 0 && Math.random() < rate;
}
