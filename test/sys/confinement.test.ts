// A process that has confined itself: what it can still do, and what it can't. In a process of its own, since there is
// no way back.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../src/shared/package-files.ts';

const program = `
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, connect } from 'node:net';
import { deflateSync } from 'node:zlib';
import { confine } from '${join(packageRoot, 'dist/src/sys/confinement.js')}';
const attempt = async (act) => { try { await act(); return 'done'; } catch (error) { return error.code; } };
const event = (target) => new Promise((resolve, reject) => target.once('error', reject).once('connect', resolve).once('listening', resolve));
const attempts = {
  compute: () => deflateSync(Buffer.alloc(1000)),
  readOnAnotherThread: () => readFile('/proc/self/status'),
  write: () => writeFile(process.argv[1], 'x'),
  connect: () => event(connect('/run/nobody-listens-here')),
  listen: () => event(createServer().listen(process.argv[1] + '.sock')),
  start: () => { const { error } = spawnSync('true'); if (error) throw error; },
  signal: () => process.kill(process.ppid, 0),
  signalItself: () => process.kill(process.pid, 0),
};
const told = {};
confine();
for (const [name, act] of Object.entries(attempts)) told[name] = await attempt(act);
console.log(JSON.stringify(told));
`;

it('a confined process computes and uses what it has; it opens no socket, starts nothing and reaches no other process', () => {
  const path = `/tmp/warpdrive-test-confined-${process.pid}`;
  const args = ['--input-type=module', '-e', program, path];
  expect(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))).toEqual({
    compute: 'done',
    readOnAnotherThread: 'done',
    write: 'done',
    connect: 'EPERM',
    listen: 'EPERM',
    start: 'EPERM',
    signal: 'EPERM',
    signalItself: 'done',
  });
});
