// What stands beside the Broker service: administration, health checks, reflection, and how errors are told.

import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { join } from 'node:path';
import { Administration } from '../../src/client/administration.ts';
import { connect } from '../../src/client/connect.ts';
import type { Connection } from '../../src/client/connection.ts';
import { brokerService, fromServiceError } from '../../src/shared/grpc.ts';
import { GRPC_SOCKET } from '../../src/shared/runtime-paths.ts';
import { currentPid, eventually, startDaemon, type TestDaemon } from '../fixtures/daemon.ts';

let daemon: TestDaemon;
let connection: Connection;
let administration: Administration;

beforeAll(async () => {
  daemon = await startDaemon(
    '[devices.null0]\ndriver = "null"\n[devices.null1]\ndriver = "null"\n[limits]\nqueues = 3\n[grpc]\nreflection = true\n',
  );
  connection = await connect({ runtimeDir: daemon.runtimeDir });
  administration = new Administration({ runtimeDir: daemon.runtimeDir });
});
afterAll(async () => {
  administration.close();
  await connection.close();
  expect(await daemon.stop()).toBe(0);
});

/** A call by its path, in bytes. */
function call(path: string, bytes: Buffer = Buffer.alloc(0)): Promise<Buffer> {
  const target = `unix:${join(daemon.runtimeDir, GRPC_SOCKET)}`;
  const client = new Client(target, credentials.createInsecure(), { 'grpc.default_authority': 'localhost' });
  const same = (given: Buffer): Buffer => given;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, same, same, bytes, (error, answer) => {
      client.close();
      if (error === null) resolve(answer as Buffer);
      else reject(error);
    });
  });
}

describe('an administrator', () => {
  it('sees tenants with what they use', async () => {
    const queue = await connection.requestQueue({ algorithm: 'nop' });
    const [tenant] = await administration.tenants();
    expect(tenant?.name).toBe(`default:${process.getuid?.()}`);
    expect(tenant?.usage).toContainEqual({ resource: 'queues', used: 1, limit: 3 });
    expect(await administration.mdevs()).toEqual([]);
    await queue.release();
  });

  it('drains a device: its queues end, others serve, and it comes back', async () => {
    const queue = await connection.requestQueue({ algorithm: 'nop', device: 'null0' });
    expect(await administration.drain('null0')).toBe(1);
    await expect(queue.submit({ operation: 'nop' })).rejects.toMatchObject({ code: 'UNKNOWN_QUEUE' });
    const there = connection.requestQueue({ algorithm: 'nop', device: 'null0' });
    await expect(there).rejects.toMatchObject({ code: 'DEVICE_UNAVAILABLE' });
    const other = await connection.requestQueue({ algorithm: 'nop' });
    expect(other.device).toBe('null1');
    await administration.undrain('null0');
    const again = await connection.requestQueue({ algorithm: 'nop', device: 'null0' });
    expect((await again.submit({ operation: 'nop' })).code).toBe('OK');
    for (const one of [queue, other, again]) await one.release();
    expect((await connection.queues()).length).toBe(0);
    await expect(administration.drain('null9')).rejects.toMatchObject({ code: 'NO_SUCH_DEVICE' });
  });

  it('finds a drained device drained when the broker, or the engine, was started again', async () => {
    await administration.drain('null0');
    for (const role of ['broker', 'engine']) {
      const before = currentPid(daemon, role);
      process.kill(before, 'SIGKILL');
      await eventually(`the ${role} is started again`, () => currentPid(daemon, role) !== before);
      const states = await connection.devices();
      expect(states.map(({ name, state }) => [name, state])).toContainEqual([
        'null0',
        'DEVICE_STATE_DRAINED',
      ]);
      const there = connection.requestQueue({ algorithm: 'nop', device: 'null0' });
      await expect(there).rejects.toMatchObject({ code: 'DEVICE_UNAVAILABLE' });
    }
    await administration.undrain('null0');
    await (await connection.requestQueue({ algorithm: 'nop', device: 'null0' })).release();
  });

  it.each(['fast-path', 'grpc'] as const)(
    'takes a queue and a channel back from a client on %s',
    async (transport) => {
      const client = await connect({ runtimeDir: daemon.runtimeDir, transport });
      const queue = await client.requestQueue({ algorithm: 'nop' });
      const [lent] = (await connection.queues()).slice(-1);
      const { channel } = lent ?? { channel: 0 };
      await administration.revoke(channel, queue.number);
      await expect(queue.submit({ operation: 'nop' })).rejects.toMatchObject({ code: 'UNKNOWN_QUEUE' });
      await expect(administration.revoke(channel, queue.number)).rejects.toMatchObject({
        code: 'NO_SUCH_QUEUE',
      });
      await administration.revoke(channel);
      await eventually('the client is told', async () => {
        const found = await client.requestQueue({ algorithm: 'nop' }).then(
          () => 'OK',
          (error: { code: string }) => error.code,
        );
        return found === 'REVOKED';
      });
      await expect(administration.revoke(channel)).rejects.toMatchObject({ code: 'NO_SUCH_CHANNEL' });
      await client.close();
    },
  );

  it('has the configuration read again', async () => {
    const path = join(daemon.runtimeDir, 'warpdrived.toml');
    const before = readFileSync(path, 'utf8');
    writeFileSync(path, before.replace('queues = 3', 'queues = 4'));
    const changes = ['~ limits.queues: 3 -> 4'];
    expect(await administration.reload(true)).toEqual(changes);
    expect(await administration.reload()).toEqual(changes);
    expect(await administration.reload()).toEqual([]);
    writeFileSync(path, 'nonsense');
    await expect(administration.reload()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    writeFileSync(path, before);
    expect(await administration.reload()).toEqual(['~ limits.queues: 4 -> 3']);
  });
});

describe('standard parts', () => {
  it('health checks say SERVING, and NOT_FOUND for what is not there', async () => {
    const service = (name: string): Buffer => Buffer.concat([Buffer.of(10, name.length), Buffer.from(name)]);
    const check = '/grpc.health.v1.Health/Check';
    expect(await call(check)).toEqual(Buffer.of(8, 1));
    expect(await call(check, service('warpdrive.v1.Broker'))).toEqual(Buffer.of(8, 1));
    await expect(call(check, service('warp'))).rejects.toMatchObject({ code: 5 });
  });

  it('reflection tells the services where the configuration allows it', async () => {
    const target = `unix:${join(daemon.runtimeDir, GRPC_SOCKET)}`;
    const client = new Client(target, credentials.createInsecure(), {
      'grpc.default_authority': 'localhost',
    });
    const same = (given: Buffer): Buffer => given;
    const stream = client.makeBidiStreamRequest(
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      same,
      same,
    );
    const answer = new Promise<Buffer>((resolve, reject) =>
      stream.once('data', resolve).once('error', reject),
    );
    // list_services = 7
    stream.write(Buffer.of(0x3a, 1, 0x2a));
    expect((await answer).toString('latin1')).toContain('warpdrive.v1.Broker');
    stream.end();
    client.close();
  });

  it('an error has code, limit, value, hint and the time to wait in standard details', async () => {
    const queues = [];
    for (let count = 0; count < 3; count++) queues.push(await connection.requestQueue({ algorithm: 'nop' }));
    await expect(connection.requestQueue({ algorithm: 'nop' })).rejects.toMatchObject({
      code: 'QUOTA_EXCEEDED',
      limit: { name: 'limits.queues', value: 3, used: 3 },
      hint: expect.stringContaining('limits.queues') as unknown,
    });
    for (const queue of queues) await queue.release();
    const { path, requestSerialize } = brokerService.RequestQueue;
    const failed = call(path, Buffer.from(requestSerialize({ channel: 77, algorithm: 'nop' })));
    const error = (await failed.catch((thrown: unknown) => thrown)) as ServiceError;
    expect(error.code).toBe(5);
    const [details] = error.metadata.get('grpc-status-details-bin');
    const text = (details as Buffer).toString('latin1');
    expect(text).toContain('type.googleapis.com/google.rpc.ErrorInfo');
    expect(text).toContain('NO_SUCH_CHANNEL');
    expect(fromServiceError(error, 'call')).toMatchObject({ code: 'NO_SUCH_CHANNEL' });
  });
});
