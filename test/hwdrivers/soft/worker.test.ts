// A soft worker by itself, with the test in the engine's place: when it wakes the engine for what is done.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROW_WORDS, SEND_TAKEN } from '../../../src/hwdrivers/driver.ts';
import { SOFT_QUEUE_SLOTS, softDriver } from '../../../src/hwdrivers/soft/driver.ts';
import { ClientEnd } from '../../../src/shared/channel/client-end.ts';
import {
  channelGeometry,
  formatChannel,
  R_DESTINATION_REGION,
  R_OPERATION,
  R_SOURCE_REGION,
} from '../../../src/shared/channel/layout.ts';
import { operations } from '../../../src/shared/operations.ts';
import { closeAll } from '../../../src/sys/fd.ts';
import { createSealedMemory, mapShared, PAGE_BYTES } from '../../../src/sys/memory.ts';
import { createSocketPair, sendWithFds } from '../../../src/sys/socket.ts';
import { packageRoot } from '../../../src/shared/package-files.ts';

const REGION = 1;
const options = {
  backend: 'auto',
  requestBytesMax: 2 ** 20,
  faults: { delay_millis: 0, error_rate: 0, hang_rate: 0, crash_rate: 0 },
};

it('wakes the engine for what is done before it begins with something of another kind', async () => {
  const geometry = channelGeometry(SOFT_QUEUE_SLOTS);
  const memory = createSealedMemory('channel', geometry.totalBytes);
  const region = createSealedMemory('region', PAGE_BYTES);
  const mapping = mapShared(memory, geometry.totalBytes);
  formatChannel(mapping.words(), geometry);
  const end = new ClientEnd(mapping.words(), geometry);
  const [control, workerControl] = createSocketPair('packets', 'control');
  const [doorbell, workerDoorbell] = createSocketPair('stream', 'doorbell');
  // More than there is: who touches what is missing dies of it.
  const told = { type: 'add-regions', handles: [REGION], bytes: [2 * PAGE_BYTES] };
  sendWithFds(control.number, Buffer.from(JSON.stringify(told)), [region]);
  const queue = softDriver.open({ end, ring: () => {}, controlMessages: () => 1 });
  const rows = new Int32Array(ROW_WORDS);
  function send(operation: number, sourceOffset: number, bytes: number, tag: number): void {
    rows[R_OPERATION] = operation;
    rows.set([REGION, sourceOffset, 64], R_SOURCE_REGION);
    rows.set([REGION, 0, bytes], R_DESTINATION_REGION);
    expect(queue.send(rows, 0, tag, rows)).toBe(SEND_TAKEN);
  }
  send(operations['sha-256'].number, 0, 32, 0);
  send(operations.copy.number, PAGE_BYTES, 64, 1);
  end.prepareSleep();

  const program = join(packageRoot, 'dist/src/hwdrivers/soft/worker.js');
  const worker = spawn(process.execPath, [program, 'test', JSON.stringify(options)], {
    stdio: ['ignore', 'ignore', 'inherit', workerControl.number, workerDoorbell.number, memory.number],
  });
  closeAll([workerControl, workerDoorbell]);
  expect(await once(worker, 'exit')).toEqual([null, 'SIGBUS']);
  expect(end.completions()).toBe(1);
  expect(readSync(doorbell.number, Buffer.alloc(8))).toBe(1);
  mapping.unmap();
  closeAll([control, doorbell, memory, region]);
});
