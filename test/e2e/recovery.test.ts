// Processes of the daemon die or hang while requests are in flight, and nothing is lost: each request gets one
// completion, with the right result or a code that says whether it ran, and clients keep what they have.

import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ServiceError, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import type { Connection } from '../../src/client/connection.ts';
import type { Completion } from '../../src/client/request.ts';
import { F_VERSION, LEDGER_BYTES, RECORDS_MAX } from '../../src/daemon/engine/ledger-layout.ts';
import { LEDGER_HANDLE } from '../../src/daemon/engine/ledger.ts';
import { methodDefinition } from '../../src/shared/grpc.ts';
import { mapShared } from '../../src/sys/memory.ts';
import { withCustodian } from '../fixtures/custodian-peer.ts';
import { currentPid, eventually, type TestDaemon } from '../fixtures/daemon.ts';
import { open, start, stopAfterEach } from '../fixtures/each-daemon.ts';
import { type DaemonRole, daemonRoles, findRole } from '../fixtures/processes.ts';
import { RawClient } from '../fixtures/raw-client.ts';

stopAfterEach();

const WENT_ON = 'went on where the engine before died';

/** Kills a process and waits until its successor serves; an engine, until it has taken over all that there was. */
async function kill(started: TestDaemon, role: string): Promise<void> {
  const before = restarts(started, role);
  const recoveriesBefore = recoveries(started).length;
  process.kill(currentPid(started, role), 'SIGKILL');
  await eventually(`the ${role} is started again`, () => restarts(started, role) > before);
  if (role === 'engine')
    await eventually('all was taken over', () => recoveries(started).length > recoveriesBefore);
}

function recoveries({ log }: TestDaemon): string[] {
  return log()
    .split('\n')
    .filter((line) => line.includes(WENT_ON));
}

function restarts({ log }: TestDaemon, role: string): number {
  return log().match(new RegExp(`"role":"${role}","pid":\\d+,"msg":"started again"`, 'g'))?.length ?? 0;
}

/** What the last engine said that it found. */
function recovery(started: TestDaemon): Readonly<Record<string, number>> {
  return JSON.parse(recoveries(started).at(-1) ?? '{}') as Record<string, number>;
}

const SLOW_DEVICE =
  '[devices.soft0]\ndriver = "soft"\nqueues = 1\n[devices.null0]\ndriver = "null"\n[devices.soft0.faults]\ndelay_millis = 30\n';

describe('when the engine dies with requests in flight', () => {
  it('queued ones run, pure ones that had started run again, and nobody notices more than a pause', async () => {
    const started = await start(SLOW_DEVICE);
    const connection = await open(started);
    const queue = await connection.requestQueue({ algorithm: 'sha-256' });
    const region = await connection.share(1 << 20);
    for (let at = 0; at < region.bytes; at += 4) region.buffer.writeUInt32LE((at * 2654435761) % 2 ** 32, at);
    const source = (index: number) => ({ region, offset: index * 4096, bytes: 4096 });
    const results = Array.from({ length: 100 }, (_, index) =>
      queue.submit({
        operation: 'sha-256',
        source: source(index),
        destination: { region, offset: (1 << 19) + index * 64, bytes: 64 },
      }),
    );
    await results[0];
    await kill(started, 'engine');
    for (const [index, result] of results.entries()) {
      expect((await result).code).toBe('OK');
      const { offset } = source(index);
      const expected = createHash('sha256')
        .update(region.buffer.subarray(offset, offset + 4096))
        .digest();
      const at = (1 << 19) + index * 64;
      expect(region.buffer.subarray(at, at + 32).equals(expected)).toBe(true);
    }
    const found = recovery(started);
    expect(found).toMatchObject({ channels: 1, lost: 0, interrupted: 0, poisoned: 0 });
    expect(found['queued']).toBeGreaterThan(0);
    expect(found['rerun']).toBeGreaterThan(0);
    expect(started.log()).not.toContain('"msg":"channel ended"');
  });

  it('one that writes over its own input is INTERRUPTED and may have run; those behind it run', async () => {
    const started = await start(SLOW_DEVICE);
    const connection = await open(started);
    const queue = await connection.requestQueue({ algorithm: 'copy' });
    const region = await connection.share(1 << 20);
    for (let cookie = 0; cookie < 16; cookie++) {
      region.buffer.fill(cookie + 1, cookie * 8192, cookie * 8192 + 4096);
      const source = { region, offset: cookie * 8192, bytes: 4096 };
      // Shifted onto itself.
      const destination = { region, offset: cookie * 8192 + 64, bytes: 4096 };
      expect(queue.send({ operation: 'copy', source, destination, cookie })).toBe(true);
    }
    const completions: Completion[] = [];
    const into: Completion[] = [];
    expect(queue.recvSync(into, 5_000)).toBe(1);
    completions.push({ ...(into[0] as Completion) });
    await kill(started, 'engine');
    while (completions.length < 16) {
      const count = queue.recvSync(into, 10_000);
      expect(count).toBeGreaterThan(0);
      completions.push(...into.slice(0, count).map((completion) => Object.assign({}, completion)));
    }
    expect(queue.recvSync(into, 50)).toBe(0);
    expect(completions.map(({ cookie }) => cookie).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 16 }, (_, cookie) => cookie),
    );
    const interrupted = completions.filter(({ code }) => code === 'INTERRUPTED');
    expect(interrupted.length).toBe(recovery(started)['interrupted']);
    expect(interrupted.length).toBeGreaterThan(0);
    for (const { ran } of interrupted) expect(ran).toBe('maybe');
    for (const { code, cookie } of completions) {
      if (code !== 'OK') continue;
      const copied = region.buffer.subarray(cookie * 8192 + 64, cookie * 8192 + 64 + 4096);
      expect(copied.every((byte) => byte === cookie + 1)).toBe(true);
    }
  });

  it('completions that were not reaped are still there, once each', async () => {
    const started = await start();
    const connection = await open(started);
    const queue = await connection.requestQueue({ algorithm: 'nop' });
    for (let cookie = 0; cookie < 200; cookie++) expect(queue.send({ operation: 'nop', cookie })).toBe(true);
    await eventually('all have completed', async () => {
      queue.recv([], 0);
      return (await connection.queues())[0]?.completed === 200;
    });
    await kill(started, 'engine');
    expect(recovery(started)['unreaped']).toBe(200);
    const into: Completion[] = [];
    expect(queue.recv(into, 256)).toBe(200);
    expect(into.slice(0, 200).map(({ cookie }) => cookie)).toEqual(Array.from({ length: 200 }, (_, c) => c));
    expect(queue.recv(into, 256)).toBe(0);
    expect((await queue.submit({ operation: 'nop' })).code).toBe('OK');
  });

  it('a request that runs at two deaths ends its own channel, whose tenant is named; others go on', async () => {
    const started = await start(
      '[devices.soft0]\ndriver = "soft"\nqueues = 1\nrequest_millis_max = 60000\n' +
        '[devices.null0]\ndriver = "null"\n[devices.soft0.faults]\ndelay_millis = 20000\n',
    );
    const neighbour = await open(started);
    const idle = await neighbour.requestQueue({ algorithm: 'nop' });
    const connection = await open(started);
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    const region = await connection.share(4096);
    const result = queue.submit({ operation: 'crc32', source: { region, offset: 0, bytes: 4096 } });
    const failure = expect(result).rejects.toMatchObject({ code: 'INTERRUPTED', ran: 'maybe' });
    const isRunning = async (): Promise<boolean> =>
      (await neighbour.devices()).some(({ name, inFlight }) => name === 'soft0' && inFlight === 1);
    await eventually('it runs', isRunning);
    await kill(started, 'engine');
    expect(recovery(started)).toMatchObject({ rerun: 1, poisoned: 0 });
    await eventually('it runs again', isRunning);
    await kill(started, 'engine');
    expect(recovery(started)).toMatchObject({ rerun: 0, poisoned: 1 });
    await failure;
    await expect(connection.share(4096)).rejects.toMatchObject({ code: 'POISONED' });
    expect(started.log()).toMatch(
      /"tenant":"default:\d+","uid":\d+,"pid":\d+,"msg":"a request was running at two crashes/,
    );
    expect((await idle.submit({ operation: 'nop' })).code).toBe('OK');
  });

  it('a client that died meanwhile is noticed by the next engine', async () => {
    const started = await start();
    const client = await RawClient.open(started.runtimeDir);
    process.kill(currentPid(started, 'engine'), 'SIGSTOP');
    client.close();
    await eventually('the engine is replaced', () => restarts(started, 'engine') === 1);
    await started.logged(/"reason":"CLIENT_CLOSED","msg":"channel ended"/);
    const connection = await open(started);
    await eventually('its channel is gone', async () => (await connection.status()).channels === 1);
  });
});

describe('a standby', () => {
  const appearance = async ({ process: { pid = 0 } }: TestDaemon, role: DaemonRole): Promise<number> => {
    const standby = (): number | undefined => findRole(pid, `${role}-standby`);
    await eventually('there is a standby', () => standby() !== undefined);
    return standby() as number;
  };

  it.each(daemonRoles)('takes the place of the %s when it dies, and another stands by', async (role) => {
    const started = await start();
    const connection = await open(started);
    const queue = await connection.requestQueue({ algorithm: 'nop' });
    for (let death = 0; death < 2; death++) {
      const standby = await appearance(started, role);
      await kill(started, role);
      expect(currentPid(started, role)).toBe(standby);
      expect((await queue.submit({ operation: 'nop' })).code).toBe('OK');
      await (await open(started)).close();
    }
    expect(started.log()).not.toContain('starting it again');
  });

  it.each(['SIGKILL', 'SIGSTOP'] as const)('is replaced after a %s, and nobody notices', async (signal) => {
    const started = await start();
    const connection = await open(started);
    const queue = await connection.requestQueue({ algorithm: 'nop' });
    const standby = await appearance(started, 'engine');
    process.kill(standby, signal);
    await started.logged(/a standby died; starting it again/);
    expect(await appearance(started, 'engine')).not.toBe(standby);
    expect((await queue.submit({ operation: 'nop' })).code).toBe('OK');
    expect(restarts(started, 'engine')).toBe(0);
  });

  it('ends where everything else does', async () => {
    const started = await start();
    const standbys: number[] = [];
    for (const role of daemonRoles) standbys.push(await appearance(started, role));
    for (const pid of [started.process.pid as number, ...Object.values(started.pids)])
      process.kill(pid, 'SIGKILL');
    await eventually('all are gone', () => standbys.every((pid) => !existsSync(`/proc/${pid}`)));
  });

  it('dies with the engine: a third one takes over', async () => {
    const started = await start();
    const connection = await open(started);
    const queue = await connection.requestQueue({ algorithm: 'nop' });
    process.kill(await appearance(started, 'engine'), 'SIGKILL');
    await kill(started, 'engine');
    expect(recovery(started)).toMatchObject({ channels: 1, lost: 0 });
    expect((await queue.submit({ operation: 'nop' })).code).toBe('OK');
  });
});

describe('when the broker dies', () => {
  it('channels go on, the next one knows all that was lent, and the SDK asks on', async () => {
    const started = await start();
    const connection = await open(started);
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    const region = await connection.share(100_000);
    const levelled = await connection.requestQueue({ algorithm: 'gzip' });
    const session = await levelled.openSession({ level: 3 });
    const usage = async (): Promise<string> => JSON.stringify((await connection.status()).usage);
    const before = await usage();
    const { number } = queue;
    await kill(started, 'broker');
    const source = { region, offset: 0, bytes: 4096 };
    expect((await queue.submit({ operation: 'crc32', source })).code).toBe('OK');
    expect(await usage()).toBe(before);
    const another = await connection.requestQueue({ algorithm: 'nop' });
    expect([queue.number, another.number]).toEqual([number, 3]);
    await session.release();
    await region.release();
    await levelled.release();
    await another.release();
    await eventually('only one queue is charged', async () => /"queues","used":1/.test(await usage()));
    expect(started.log()).not.toContain('"msg":"channel ended"');
  });

  it('what it had granted when it died, and nobody heard of, is given back', async () => {
    const started = await start();
    const client = await RawClient.open(started.runtimeDir);
    const connection = await open(started);
    await connection.requestQueue({ algorithm: 'nop' });
    const { channel, control } = client;
    await expect(
      control.call('ResumeChannel', { resumeSecret: Buffer.alloc(32) }, 'resume'),
    ).rejects.toMatchObject({ code: 'NO_SUCH_CHANNEL' });
    await kill(started, 'broker');
    // Another connection: it has to show the secret first.
    await expect(
      control.call('RequestQueue', { channel, algorithm: 'nop' }, 'request a queue'),
    ).rejects.toMatchObject({ code: 'NOT_RESUMED' });
    const held = await control.call('ResumeChannel', { resumeSecret: client.resumeSecret }, 'resume');
    expect(held).toMatchObject({ channel, queues: [], sessions: [], regions: [] });
    await control.call('RequestQueue', { channel, algorithm: 'nop' }, 'request a queue');
    const again = await control.call('ResumeChannel', { resumeSecret: client.resumeSecret }, 'resume');
    expect(again.queues).toEqual([1]);
    client.close();
  });

  it('a call that its caller has given up is taken back', async () => {
    const started = await start('[devices.null0]\ndriver = "null"\n');
    const connection = await open(started);
    const client = await RawClient.open(started.runtimeDir);
    const used = async (count: number): Promise<boolean> =>
      JSON.stringify((await connection.status()).usage).includes(`"queues","used":${count}`);
    const engine = currentPid(started, 'engine');
    process.kill(engine, 'SIGSTOP');
    const { path, requestSerialize, responseDeserialize } = methodDefinition('RequestQueue');
    const request = { channel: client.channel, algorithm: 'nop' };
    const given = await new Promise<ServiceError | null>((resolve) => {
      const call = client.control.client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        resolve,
      );
      void eventually('it is with the engine', () => used(1)).finally(() => call.cancel());
    });
    expect(given?.code).toBe(status.CANCELLED);
    // What the broker answers on the same connection it answers after it has heard of that. An engine that goes on before
    // might have its answer on the way to somebody who is gone.
    await client.control.call('GetStatus', {}, 'ask for the status');
    process.kill(engine, 'SIGCONT');
    await eventually('it is given back', () => used(0));
    expect(await connection.queues()).toEqual([]);
    client.close();
  });

  it('a call that was under way is carried out once', async () => {
    const started = await start();
    const connection = await open(started);
    process.kill(currentPid(started, 'broker'), 'SIGSTOP');
    const queues = Array.from({ length: 5 }, () => connection.requestQueue({ algorithm: 'nop' }));
    process.kill(currentPid(started, 'broker'), 'SIGKILL');
    const granted = await Promise.all(queues);
    expect(new Set(granted.map(({ number }) => number)).size).toBe(5);
    expect((await connection.queues()).length).toBe(5);
    for (const queue of granted) expect((await queue.submit({ operation: 'nop' })).code).toBe('OK');
  });
});

describe('when the custodian dies', () => {
  it('the engine gives its descriptors to the next one, which gives them to the next engine', async () => {
    const started = await start();
    const connection = await open(started);
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    const region = await connection.share(8192);
    region.buffer.fill('kept');
    const request = { operation: 'crc32', source: { region, offset: 0, bytes: 8192 } } as const;
    const { result } = await queue.submit(request);
    await kill(started, 'custodian');
    await eventually('the vault is full again', () =>
      withCustodian(started.runtimeDir, (_link, returned) => returned.closeRest().length === 5),
    );
    await kill(started, 'engine');
    expect(recovery(started)).toMatchObject({ channels: 1, lost: 0 });
    expect((await queue.submit(request)).result).toBe(result);
  });
});

describe('when a process hangs', () => {
  it.each(['custodian', 'engine', 'broker'])('the %s is replaced, and clients go on', async (role) => {
    const started = await start();
    const connection = await open(started);
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    const region = await connection.share(8192);
    const request = { operation: 'crc32', source: { region, offset: 0, bytes: 8192 } } as const;
    const { result } = await queue.submit(request);
    process.kill(currentPid(started, role), 'SIGSTOP');
    expect((await queue.submit(request)).result).toBe(result);
    await eventually('it is replaced', () => restarts(started, role) === 1);
    expect(started.log()).toContain(`"role":"${role}","found":"it was stopped"`);
    expect((await queue.submit(request)).result).toBe(result);
    await (await open(started)).requestQueue({ algorithm: 'nop' });
  });

  it('a soft worker is replaced long before the time limit of a request, and what it had not begun runs', async () => {
    const started = await start(
      '[devices.soft0]\ndriver = "soft"\nqueues = 1\nrequest_millis_max = 600000\n',
    );
    const connection = await open(started);
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    const region = await connection.share(8192);
    const request = { operation: 'crc32', source: { region, offset: 0, bytes: 8192 } } as const;
    await queue.submit(request);
    const [worker] = execFileSync('pgrep', ['-P', String(currentPid(started, 'engine'))], {
      encoding: 'utf8',
    }).split('\n');
    process.kill(Number(worker), 'SIGSTOP');
    const results = await Promise.all(Array.from({ length: 20 }, () => queue.submit(request)));
    expect(results.every(({ code }) => code === 'OK')).toBe(true);
    await eventually('it is gone', () => !existsSync(`/proc/${worker}`));
  });

  it('one that never serves again ends the daemon, with a message', { timeout: 120_000 }, async () => {
    const started = await start('[devices.null0]\ndriver = "null"\n');
    // Somebody else has its lock from now on.
    const lock = join(started.runtimeDir, 'custodian/lock');
    const holder = spawn('flock', [lock, 'sleep', '100'], { stdio: 'ignore' });
    process.kill(currentPid(started, 'custodian'), 'SIGKILL');
    const code = await new Promise((resolve) => {
      started.process.once('exit', resolve);
    });
    holder.kill('SIGKILL');
    expect(code).toBe(1);
    expect(started.log()).toContain('ALREADY_RUNNING');
    expect(started.log()).toMatch(/"role":"custodian".*giving up; its last messages say why/);
    for (const pid of Object.values(started.pids)) expect(existsSync(`/proc/${pid}`)).toBe(false);
  });
});

describe('a ledger or a vault that is not whole', () => {
  /** A client with a region, its channel's number, and another client beside it. */
  async function twoClients(started: TestDaemon) {
    const [first, second] = [await open(started), await open(started)];
    const work = async (connection: Connection) => {
      const queue = await connection.requestQueue({ algorithm: 'crc32' });
      const region = await connection.share(8192);
      region.buffer.fill('whole');
      const request = { operation: 'crc32', source: { region, offset: 0, bytes: 8192 } } as const;
      const { result } = await queue.submit(request);
      return async (): Promise<void> => expect((await queue.submit(request)).result).toBe(result);
    };
    return { first: await work(first), second: await work(second) };
  }

  it('of another version: all channels are lost with a message, and the SDK sets them up again', async () => {
    const started = await start();
    const { first, second } = await twoClients(started);
    await withLedger(started, (words) => {
      words[F_VERSION] = 77;
    });
    await kill(started, 'engine');
    expect(started.log()).toContain('version 77');
    await Promise.all([first(), second()]);
  });

  it('with one damaged record: that channel alone is lost, and set up again', async () => {
    const started = await start();
    const { first, second } = await twoClients(started);
    await withLedger(started, (words) => {
      const firstRecord = (1 + (RECORDS_MAX * 2) / 1024) * 1024;
      (words[firstRecord + 8] as number) ^= 0x55;
    });
    await kill(started, 'engine');
    expect(recovery(started)).toMatchObject({ channels: 1, lost: 1 });
    await Promise.all([first(), second()]);
    expect(started.log().match(/"msg":"channel opened"/g)).toHaveLength(3);
  });

  it('that lacks a descriptor: that channel alone is lost, and set up again', async () => {
    const started = await start();
    const { first, second } = await twoClients(started);
    await withCustodian(started.runtimeDir, (link) => link.call('forget', { handles: [7] }));
    await kill(started, 'engine');
    expect(recovery(started)).toMatchObject({ channels: 1, lost: 1 });
    expect(started.log()).toContain('the vault lacks region 1');
    await Promise.all([first(), second()]);
  });

  function withLedger({ runtimeDir }: TestDaemon, change: (words: Int32Array) => void): Promise<void> {
    return withCustodian(runtimeDir, (_link, returned) => {
      const memory = returned.take(LEDGER_HANDLE);
      if (memory === undefined) throw new Error('the vault has no ledger');
      const mapping = mapShared(memory, LEDGER_BYTES);
      change(mapping.words());
      mapping.unmap();
      memory.close();
    });
  }
});

describe('what a process runs out of', () => {
  it('descriptors of the custodian: channels work, and the log says what would not survive', async () => {
    const started = await start();
    const custodian = currentPid(started, 'custodian');
    const [, before] = /Max open files +(\d+)/.exec(readFileSync(`/proc/${custodian}/limits`, 'utf8')) ?? [];
    // One number is left: enough to look at a process, too few to keep a channel.
    const used = new Set(readdirSync(`/proc/${custodian}/fd`).map(Number));
    const free = Array.from({ length: 1_000 }, (_, number) => number).filter((number) => !used.has(number));
    execFileSync('prlimit', ['--pid', String(custodian), `--nofile=${free[1]}:`]);
    const connection = await open(started);
    const queue = await connection.requestQueue({ algorithm: 'nop' });
    expect((await queue.submit({ operation: 'nop' })).code).toBe('OK');
    await started.logged(/"msg":"the custodian could not keep descriptors"/);
    execFileSync('prlimit', ['--pid', String(custodian), `--nofile=${before}:`]);
    await kill(started, 'engine');
    expect(recovery(started)).toMatchObject({ lost: 1 });
    expect((await queue.submit({ operation: 'nop' })).code).toBe('OK');
  });

  it('address space of a worker: requests on that region fail, others run', async () => {
    const started = await start('[devices.soft0]\ndriver = "soft"\nqueues = 1\n');
    const connection = await open(started);
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    const small = await connection.share(8192);
    const onSmall = { operation: 'crc32', source: { region: small, offset: 0, bytes: 8192 } } as const;
    expect((await queue.submit(onSmall)).code).toBe('OK');
    const [worker] = execFileSync('pgrep', ['-P', String(currentPid(started, 'engine'))], {
      encoding: 'utf8',
    }).split('\n');
    const [, pages] = /^(\d+)/.exec(readFileSync(`/proc/${worker}/statm`, 'utf8')) ?? [];
    execFileSync('prlimit', ['--pid', String(worker), `--as=${(Number(pages) + 4096) * 4096}:`]);
    const large = await connection.share(2 ** 29);
    const onLarge = { operation: 'crc32', source: { region: large, offset: 0, bytes: 8192 } } as const;
    await expect(queue.submit(onLarge)).rejects.toMatchObject({ code: 'DEVICE_ERROR' });
    expect((await queue.submit(onSmall)).code).toBe('OK');
    expect(started.log()).toContain('ENOMEM');
  });
});
