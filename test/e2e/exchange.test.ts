// Requests over a gRPC stream: payloads of all sizes, regions by reference, cancellation, flow control, and what ends a
// call.

import { createHash, randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readPicture } from '../../src/cli/picture.ts';
import { Administration } from '../../src/client/administration.ts';
import { connect } from '../../src/client/connect.ts';
import { beginExchange } from '../../src/client/stream-path.ts';
import type { WireRequest } from '../../src/shared/exchange.ts';
import { operations } from '../../src/shared/operations.ts';
import { eventually, startDaemon, type TestDaemon } from '../fixtures/daemon.ts';
import { StreamClient } from '../fixtures/stream-client.ts';

const MIB = 2 ** 20;
const CALL_MILLIS_MAX = 30_000;

let daemon: TestDaemon;
const clients: StreamClient[] = [];

beforeAll(async () => {
  daemon = await startDaemon(
    [
      '[devices.soft0]\ndriver = "soft"\nqueues = 1',
      '[devices.slow0]\ndriver = "soft"\nqueues = 1\n[devices.slow0.faults]\ndelay_millis = 300',
      '[devices.null0]\ndriver = "null"',
      '[limits]\nrequest_bytes = 16777216\nshared_bytes = 134217728',
    ].join('\n'),
  );
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(async () => {
  expect(await daemon.stop()).toBe(0);
});

async function open(slots?: number): Promise<StreamClient> {
  const client = await StreamClient.open(daemon.runtimeDir, slots);
  clients.push(client);
  client.send({ channel: client.channel });
  return client;
}

function sha256(queue: number, id: number, data: Buffer): WireRequest {
  return { id, queue, operation: operations['sha-256'].number, source: { data }, destination: { bytes: 32 } };
}

function digest(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

async function usage(): Promise<string> {
  const connection = await connect({ runtimeDir: daemon.runtimeDir });
  const status = await connection.status();
  await connection.close();
  return JSON.stringify(status.usage);
}

/** Refusals for want of shared memory, as the counters tell them. */
async function refusals(): Promise<number> {
  const { refusals: all } = await readPicture(daemon.runtimeDir, CALL_MILLIS_MAX);
  return all.find(({ limit }) => limit === 'shared_bytes')?.count ?? 0;
}

describe('payloads', () => {
  it('go with their request and come with its completion, many in one message', async () => {
    const client = await open();
    const queue = await client.queue('sha-256', 'soft0');
    const data = Array.from({ length: 100 }, (_, index) => randomBytes(index * 7));
    client.send({ requests: data.map((bytes, id) => sha256(queue, id, bytes)) });
    await client.completed(100);
    for (const [id, bytes] of data.entries())
      expect(client.outputs.get(id)?.toString('hex')).toBe(digest(bytes));
  });

  it.each([
    ['in the area', 3 * MIB],
    ['in a region of its own', 9 * MIB],
  ])('are cut into parts, %s', async (_, bytes) => {
    const client = await open();
    const queue = await client.queue('gzip', 'soft0');
    const { session } = await client.control.call(
      'OpenSession',
      { channel: client.channel, algorithm: 'gzip', level: 1 },
      'open a session',
    );
    const data = Buffer.concat([randomBytes(bytes / 2), Buffer.alloc(bytes / 2, 'text ')]);
    const operation = operations['gzip-compress'].number;
    const destination = { bytes: bytes + 10_000 };
    client.send({ requests: [{ id: 5, queue, session, operation, source: { bytes }, destination }] });
    for (let at = 0; at < bytes; at += 100_000)
      client.send({ parts: [{ id: 5, data: data.subarray(at, at + 100_000) }] });
    const { code, produced } = await client.completed(1);
    expect(code).toBe('');
    expect(client.outputs.get(5)?.length).toBe(produced);
    expect(gunzipSync(client.outputs.get(5) as Buffer).equals(data)).toBe(true);
  });

  it('are charged to the tenant, and what is too much is refused to that request alone', async () => {
    const client = await open();
    const queue = await client.queue('sha-256', 'soft0');
    const { region } = await client.control.call(
      'ShareRegion',
      { channel: client.channel, bytes: 120 * MIB },
      'share a region',
    );
    const before = await refusals();
    const large = { id: 1, queue, operation: operations['sha-256'].number, destination: { bytes: 32 } };
    client.send({ requests: [{ ...large, source: { bytes: 10 * MIB } }] });
    client.send({ parts: [{ id: 1, data: Buffer.alloc(100_000) }] });
    expect(await client.completed(1)).toMatchObject({ id: 1, code: 'QUOTA_EXCEEDED', ran: 1 });
    expect(await refusals()).toBe(before + 1);
    await client.control.call('ReleaseRegion', { channel: client.channel, region }, 'release it');
    client.send({ requests: [sha256(queue, 2, Buffer.from('x'))] });
    expect(await client.completed(2)).toMatchObject({ id: 2, code: '' });
  });

  it('and everything else is given back when the call ends', async () => {
    const before = await usage();
    const client = await open();
    const queue = await client.queue('sha-256', 'soft0');
    client.send({ requests: [sha256(queue, 1, randomBytes(1000))] });
    await client.completed(1);
    expect(await usage()).not.toBe(before);
    client.call.end();
    expect(await client.ended()).toBeUndefined();
    await eventually('its use is given back', async () => (await usage()) === before);
  });
});

describe('regions', () => {
  it('are written, named by requests, and read', async () => {
    const client = await open();
    const { channel, control } = client;
    const queue = await client.queue('copy', 'soft0');
    const { region, token } = await control.call('ShareRegion', { channel, bytes: 2 * MIB }, 'share');
    expect(token.length).toBe(0);
    const data = randomBytes(MIB);
    await expect(client.writeRegion(region, 0, data)).resolves.toBe(MIB);
    client.send({
      requests: [
        {
          id: 1,
          queue,
          operation: operations.copy.number,
          source: { region: { region, offset: 0, bytes: MIB } },
          destination: { region: { region, offset: MIB, bytes: MIB } },
        },
      ],
    });
    expect(await client.completed(1)).toMatchObject({ code: '', produced: MIB });
    expect((await client.readRegion(region, MIB, MIB)).equals(data)).toBe(true);
    const beyond = client.readRegion(region, MIB, MIB + 1);
    await expect(beyond).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(client.writeRegion(9, 0, data)).rejects.toMatchObject({
      code: 'NO_SUCH_REGION',
    });
    await control.call('ReleaseRegion', { channel, region }, 'release');
    await expect(client.readRegion(region, 0, 1)).rejects.toMatchObject({
      code: 'NO_SUCH_REGION',
    });
  });

  it("of the daemon's own are out of reach", async () => {
    const client = await open();
    const { channel, control } = client;
    const queue = await client.queue('crc32', 'soft0');
    const operation = operations.crc32.number;
    client.send({ requests: [{ id: 1, queue, operation, source: { data: Buffer.from('secret') } }] });
    await client.completed(1);
    for (let region = 1; region <= 3; region++) {
      const range = { region, offset: 0, bytes: 6 };
      client.send({ requests: [{ id: region, queue, operation, source: { region: range } }] });
      expect(await client.completed(1 + region)).toMatchObject({ code: 'UNKNOWN_REGION' });
      await expect(client.readRegion(region, 0, 6)).rejects.toMatchObject({ code: 'NO_SUCH_REGION' });
      const released = control.call('ReleaseRegion', { channel, region }, 'release');
      await expect(released).rejects.toMatchObject({ code: 'NO_SUCH_REGION' });
    }
  });
});

describe('a request that is given up', () => {
  const operation = operations.fill.number;
  const pattern = Buffer.alloc(8, 0xee);

  it('never runs if no device holds it, and completes as if nothing had happened if one does', async () => {
    const client = await open();
    const { channel, control } = client;
    const queue = await client.queue('fill', 'slow0');
    const { region } = await control.call('ShareRegion', { channel, bytes: 4096 }, 'share');
    const fill = (id: number): WireRequest => {
      const destination = { region: { region, offset: id * 8, bytes: 8 } };
      return { id, queue, operation, pattern, destination };
    };
    // The daemon learns that the device is slow, and from then on lets it hold one request only.
    for (let done = 1; done <= 3; done++) {
      client.send({ requests: [fill(7)] });
      await client.completed(done);
    }
    client.completions.length = 0;
    client.send({ requests: [1, 2, 3, 4, 5, 6].map(fill) });
    const devices = async () => (await control.call('ListDevices', {}, 'look')).devices;
    await eventually('the first is inside', async () =>
      (await devices()).some(({ inFlight }) => inFlight > 0),
    );
    client.send({ cancel: [1, 3, 4, 5, 6, 99] });
    await client.completed(6);
    const contents = await client.readRegion(region, 0, 64);
    const cancelled = client.completions.filter(({ code }) => code === 'CANCELLED').map(({ id }) => id);
    expect(client.completions.find(({ id }) => id === 1)?.code).toBe('');
    expect(client.completions.find(({ id }) => id === 2)?.code).toBe('');
    expect(cancelled.length).toBeGreaterThan(0);
    for (let id = 1; id <= 6; id++) {
      const isFilled = contents.subarray(id * 8, id * 8 + 8).equals(pattern);
      expect(isFilled).toBe(!cancelled.includes(id));
    }
    for (const { code, ran } of client.completions) if (code === 'CANCELLED') expect(ran).toBe(1);
  });

  it('by its time limit, too', async () => {
    const client = await open();
    const queue = await client.queue('fill', 'slow0');
    const destination = { bytes: 8 };
    const ids = Array.from({ length: 8 }, (_, index) => index + 1);
    const limited = (id: number) => ({
      id,
      queue,
      operation,
      pattern,
      destination,
      timeoutMillis: id === 1 ? 0 : 50,
    });
    client.send({ requests: ids.map(limited) });
    await client.completed(8);
    expect(client.completions.filter(({ code }) => code === 'CANCELLED').length).toBeGreaterThan(0);
    expect(client.completions.find(({ id }) => id === 1)?.code).toBe('');
  });

  it('never runs when the call is cancelled', async () => {
    const devices = new Administration({ runtimeDir: daemon.runtimeDir });
    const completedOn = async (): Promise<number> => {
      const connection = await connect({ runtimeDir: daemon.runtimeDir });
      const found = (await connection.devices()).find(({ name }) => name === 'slow0');
      await connection.close();
      return found?.completed ?? 0;
    };
    const before = await completedOn();
    const client = await open();
    const queue = await client.queue('fill', 'slow0');
    const destination = { bytes: 8 };
    client.send({
      requests: Array.from({ length: 12 }, (_, id) => ({ id, queue, operation, pattern, destination })),
    });
    await client.completed(1);
    client.call.cancel();
    await eventually('the channel is gone', async () =>
      (await devices.tenants()).every(({ usage }) =>
        usage.every(({ resource, used }) => resource !== 'queues' || used === 0),
      ),
    );
    expect((await completedOn()) - before).toBeLessThan(12);
    devices.close();
  });
});

describe('a reader that is slow', () => {
  it('stops its own requests, and gets all completions once it reads', async () => {
    const client = await open(16);
    const queue = await client.queue('copy', 'soft0');
    client.call.pause();
    const data = randomBytes(60_000);
    const operation = operations.copy.number;
    const total = 400;
    for (let id = 0; id < total; id++)
      client.send({
        requests: [{ id, queue, operation, source: { data }, destination: { bytes: data.length } }],
      });
    const completedBy = async (): Promise<number> => {
      const { queues } = await client.control.call('ListQueues', {}, 'look');
      return queues.find(({ channel }) => channel === client.channel)?.completed ?? 0;
    };
    let last = -1;
    await eventually(
      'its requests come to a stop',
      async () => {
        const now = await completedBy();
        const isSame = now === last && now > 0;
        last = now;
        if (!isSame) await new Promise((resolve) => setTimeout(resolve, 300));
        return isSame;
      },
      20_000,
    );
    expect(last).toBeLessThan(total / 2);
    client.call.resume();
    await client.completed(total);
    for (const output of client.outputs.values()) expect(output.equals(data)).toBe(true);
  });
});

describe('an Exchange call', () => {
  it('ends with OK when the client has half-closed and has all completions', async () => {
    const client = await open();
    const queue = await client.queue('sha-256', 'slow0');
    client.send({ requests: [sha256(queue, 1, Buffer.from('a')), sha256(queue, 2, Buffer.from('b'))] });
    client.call.end();
    expect(await client.ended()).toBeUndefined();
    expect(client.completions.map(({ code }) => code)).toEqual(['', '']);
  });

  it('has at most so many completions in a message as it asks for', async () => {
    const client = await StreamClient.open(daemon.runtimeDir, 64);
    clients.push(client);
    client.send({ channel: client.channel, completionsPerMessage: 1 });
    const queue = await client.queue('nop', 'null0');
    const operation = operations.nop.number;
    client.send({ requests: Array.from({ length: 50 }, (_, id) => ({ id, queue, operation })) });
    await client.completed(50);
    expect(client.messages).toBe(50);
  });

  it('is one for each channel, and for channels of the caller only', async () => {
    const client = await open();
    await client.queue('nop', 'null0');
    const second = beginExchange(client.control);
    const ended = new Promise((resolve) => second.once('error', resolve));
    second.write({ channel: client.channel });
    expect(await ended).toMatchObject({ code: 9 });
    const other = await StreamClient.open(daemon.runtimeDir);
    clients.push(other);
    other.send({ channel: client.channel });
    expect(await other.ended()).toMatchObject({ code: 'NO_SUCH_CHANNEL' });
    client.send({ requests: [{ id: 1, queue: 1, operation: operations.nop.number }] });
    await client.completed(1);
  });

  it('whose connection is lost in the middle of requests leaves nothing behind', async () => {
    const before = await usage();
    const client = await open();
    const queue = await client.queue('sha-256', 'slow0');
    client.send({ requests: [sha256(queue, 1, randomBytes(100)), sha256(queue, 2, randomBytes(100))] });
    client.close();
    await eventually('its use is given back', async () => (await usage()) === before);
  });
});
