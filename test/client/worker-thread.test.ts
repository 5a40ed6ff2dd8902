import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';

const sdk = fileURLToPath(new URL('../../dist/src/client/index.js', import.meta.url));

test('in a worker thread the SDK refuses clearly, and the process goes on', async () => {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     import(workerData)
       .then(({ connect }) => connect())
       .then(() => parentPort.postMessage({ code: 'OK' }))
       .catch(({ name, code, found, hint }) => parentPort.postMessage({ name, code, found, hint }));`,
    { eval: true, workerData: sdk },
  );
  const exited = once(worker, 'exit');
  const [message] = (await once(worker, 'message')) as [unknown];
  expect(message).toEqual({
    name: 'WarpError',
    code: 'UNSUPPORTED',
    found: expect.stringContaining('worker thread') as unknown,
    hint: expect.stringContaining('main thread') as unknown,
  });
  expect(await exited).toEqual([0]);
});
