// A program that uses the daemon through the SDK, as an unprivileged user; it does what it is told, one message at a
// time. Queues and regions have the names that they were asked for with.
//
// Argument: the daemon's folder.

import { readdirSync, readlinkSync } from 'node:fs';
import { connect } from '../../../../dist/src/client/index.js';
import { ROW_WORDS, SEND_TAKEN } from '../../../../dist/src/hwdrivers/driver.js';
import { driverOf } from '../../../../dist/src/hwdrivers/spimdev/drivers.js';
import { SpimdevTransport } from '../../../../dist/src/hwdrivers/spimdev/transport.js';
import {
  C_STATUS,
  COMPLETION_WORDS,
  PARAMETER_WORDS,
  R_DESTINATION_REGION,
  R_OPERATION,
  R_SOURCE_REGION,
} from '../../../../dist/src/shared/channel/layout.js';
import { errorCode } from '../../../../dist/src/shared/errors.js';
import { operations } from '../../../../dist/src/shared/operations.js';
import { Fd } from '../../../../dist/src/sys/fd.js';

const TIMEOUT_MILLIS = 60_000;
const connection = await connect({
  runtimeDir: process.argv[2],
  timeoutMillis: TIMEOUT_MILLIS,
  reconnectMillis: TIMEOUT_MILLIS,
});
const queues = new Map();
const regions = new Map();
const sessions = new Map();
/** Outcomes of what was begun and not awaited, by name. */
const begun = new Map();

function get(map, name) {
  const value = map.get(name);
  if (value === undefined) throw new Error(`no "${name}"`);
  return value;
}

function range({ region, offset = 0, bytes }) {
  return { region: get(regions, region), offset, bytes };
}

function requestOf({ operation, source, destination, operand, session }) {
  return {
    operation,
    ...(source === undefined ? {} : { source: range(source) }),
    ...(destination === undefined ? {} : { destination: range(destination) }),
    ...(operand === undefined ? {} : { operand }),
    ...(session === undefined ? {} : { session: get(sessions, session) }),
  };
}

const outcomeOf = ({ code, produced, result, ran }) => ({ code, produced, result, ran });

function run(queue, request) {
  // A direct queue has no promises.
  if (queue.submit === undefined) return Promise.resolve(runDirectly(queue, request));
  return queue.submit(request).then(outcomeOf, ({ code, ran }) => ({ code, ran }));
}

function runDirectly(queue, request) {
  const done = [];
  if (!queue.send(request)) throw new Error('the queue is full');
  for (let count = 0; count === 0; ) count = queue.recvSync(done, TIMEOUT_MILLIS);
  return outcomeOf(done[0]);
}

const commands = {
  ids: () => [process.getuid(), process.getgid()],
  request: async ({ name, ...options }) => {
    const queue = await connection.requestQueue(options);
    queues.set(name, queue);
    return { depth: queue.depth };
  },
  reset: async () => {
    for (const outcome of begun.values()) await outcome;
    for (const thing of [...queues.values(), ...regions.values(), ...sessions.values()])
      await thing.release();
    for (const map of [begun, queues, regions, sessions]) map.clear();
  },
  session: async ({ name, queue, level }) => {
    sessions.set(name, await get(queues, queue).openSession({ level }));
  },
  release: async ({ name }) => {
    await get(queues, name).release();
    queues.delete(name);
  },
  share: async ({ name, bytes }) => {
    regions.set(name, await connection.share(bytes));
  },
  unshare: async ({ name }) => {
    await get(regions, name).release();
    regions.delete(name);
  },
  fill: ({ region, offset = 0, text }) => get(regions, region).buffer.write(text, offset, 'latin1'),
  read: ({ region, offset = 0, length }) =>
    get(regions, region).buffer.toString('latin1', offset, offset + length),
  base64: ({ region, offset = 0, length }) =>
    get(regions, region).buffer.toString('base64', offset, offset + length),
  run: ({ queue, ...request }) => run(get(queues, queue), requestOf(request)),
  begin: ({ name, queue, ...request }) => {
    begun.set(name, run(get(queues, queue), requestOf(request)));
  },
  finish: ({ name }) => get(begun, name),
  /** Sends through a direct queue without waiting for it. */
  sendDirectly: ({ queue, ...request }) => get(queues, queue).send(requestOf(request)),
  /** As a program that knows no SDK: writes an entry with addresses of its own choice into a fresh direct queue. */
  copyAddresses: ({ from, to, bytes }) => {
    const number = readdirSync('/proc/self/fd').find((fd) => linkOf(fd) === 'anon_inode:spimdev_q');
    const driver = driverOf('wd_edu_v1');
    const addresses = { addressOf: (handle) => (handle === 1 ? from : to) };
    const transport = new SpimdevTransport(
      new Fd(Number(number), 'queue').dup(),
      driver.memoryBytes,
      addresses,
    );
    const queue = driver.open(transport);
    const row = new Int32Array(ROW_WORDS);
    row[R_OPERATION] = operations.copy.number;
    row.set([1, 0, bytes], R_SOURCE_REGION);
    row.set([2, 0, bytes], R_DESTINATION_REGION);
    const completion = new Int32Array(COMPLETION_WORDS + PARAMETER_WORDS);
    if (queue.send(row, 0, 0, completion) !== SEND_TAKEN) throw new Error('the entry was not taken');
    while (!queue.recv(completion)) transport.wait(TIMEOUT_MILLIS);
    const status = completion[C_STATUS];
    return { code: status === 0 ? 'OK' : errorCode(status) };
  },
};

function linkOf(name) {
  try {
    return readlinkSync(`/proc/self/fd/${name}`);
  } catch {
    return '';
  }
}

process.on('message', ({ command, ...options }) => {
  Promise.resolve()
    .then(() => commands[command](options))
    .then(
      (answer) => process.send({ answer }),
      (error) => process.send({ error: error.message, code: error.code }),
    );
});
process.on('disconnect', () => process.exit(0));
process.send({ answer: 'ready' });
