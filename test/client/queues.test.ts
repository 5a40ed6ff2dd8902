import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../src/client/connection.ts';
import type { Completion } from '../../src/client/request.ts';
import { connectTo, type ReachableDaemon, receive, startReachableDaemon } from '../fixtures/transport.ts';

let daemon: ReachableDaemon;
let connection: Connection;

beforeAll(async () => {
  daemon = await startReachableDaemon();
  connection = await connectTo(daemon, { slots: 8 });
});
afterAll(async () => {
  await connection.close();
  expect(await daemon.stop()).toBe(0);
});

describe('two queues of one connection', () => {
  it('a promise waits for slots that the other queue holds, and is sent when they are free', async () => {
    const first = await connection.requestQueue({ algorithm: 'nop' });
    const second = await connection.requestQueue({ algorithm: 'nop' });
    const mixed = Array.from({ length: 100 }, (_, cookie) => [
      first.submit({ operation: 'nop', cookie }),
      second.submit({ operation: 'nop', cookie }),
    ]).flat();
    expect((await Promise.all(mixed)).map(({ code }) => code)).toEqual(
      Array.from({ length: 200 }, () => 'OK'),
    );
    await first.release();
    await second.release();
  });

  it('a promise waits for the depth of its own queue, which a program that reaps itself has filled', async () => {
    const queue = await connection.requestQueue({ algorithm: 'nop', depth: 4 });
    const into: Completion[] = [];
    for (let sent = 0; sent < 4; sent++)
      expect(queue.send({ operation: 'nop', cookie: 1_000 + sent })).toBe(true);
    const promised = queue.submit({ operation: 'nop', cookie: 5 });
    let received = 0;
    while (received < 4) received += await receive(queue, into);
    expect((await promised).cookie).toBe(5);
    await queue.release();
  });

  it('each completion goes to its promise or to recv, with both styles on one queue and equal cookies', async () => {
    const queue = await connection.requestQueue({ algorithm: 'nop' });
    const into: Completion[] = [];
    const promised: Promise<Completion>[] = [];
    let received = 0;
    let sent = 0;
    for (let round = 0; round < 300; round++) {
      promised.push(queue.submit({ operation: 'nop', cookie: round }));
      if (queue.send({ operation: 'nop', cookie: round })) sent += 1;
      received += queue.recv(into);
      if (round % 50 === 0) await promised.at(-1);
    }
    expect((await Promise.all(promised)).map(({ cookie }) => cookie)).toEqual(
      Array.from({ length: 300 }, (_, i) => i),
    );
    while (received < sent) received += await receive(queue, into);
    expect(received).toBe(sent);
    expect(queue.inFlight).toBe(0);
    await queue.release();
  });
});
