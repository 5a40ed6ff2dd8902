import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Connection, connect } from '../../src/client/connection.ts';
import type { Completion } from '../../src/client/request.ts';
import { startDaemon, type TestDaemon } from '../fixtures/daemon.ts';

let daemon: TestDaemon;
let connection: Connection;

beforeAll(async () => {
  daemon = await startDaemon();
  connection = await connect({ runtimeDir: daemon.runtimeDir, slots: 8 });
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
    while (received < 4) received += queue.recvSync(into, 1_000);
    expect((await promised).cookie).toBe(5);
    await queue.release();
  });
});
