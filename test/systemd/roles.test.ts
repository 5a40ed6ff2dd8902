// Each role under a service manager of its own, as systemd is one: what it tells, the sockets that it is given, and a
// restart that nobody notices.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect, type Connection } from '../../src/client/index.ts';
import { GRPC_SOCKET } from '../../src/shared/runtime-paths.ts';
import { eventually } from '../fixtures/daemon.ts';
import { type Service, TestServiceManager } from '../fixtures/service-manager.ts';

type Services = Record<'custodian' | 'engine' | 'broker', Service>;

let manager: TestServiceManager;
let connections: Connection[];

beforeEach(async () => {
  manager = new TestServiceManager();
  connections = [];
  await manager.listen();
});

afterEach(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  manager.close();
});

async function startAll(configuration = '[devices.soft0]\ndriver = "soft"\nqueues = 1\n'): Promise<Services> {
  const path = join(manager.runtimeDir, 'warpdrived.toml');
  writeFileSync(path, configuration);
  const custodian = await manager.start('custodian', ['--config', path]);
  const engine = await manager.start('engine');
  return { custodian, engine, broker: await manager.start('broker') };
}

async function openClient(): Promise<Connection> {
  const connection = await connect({ runtimeDir: manager.runtimeDir });
  connections.push(connection);
  return connection;
}

async function hashes(connection: Connection): Promise<() => Promise<void>> {
  const queue = await connection.requestQueue({ algorithm: 'sha-256' });
  const region = await connection.share(8192);
  region.buffer.fill('service', 0, 4096);
  const expected = createHash('sha256').update(region.buffer.subarray(0, 4096)).digest('hex');
  return async () => {
    const source = { region, offset: 0, bytes: 4096 };
    const destination = { region, offset: 4096, bytes: 32 };
    await queue.submit({ operation: 'sha-256', source, destination });
    expect(region.buffer.toString('hex', 4096, 4128)).toBe(expected);
  };
}

describe('a role under a service manager', () => {
  it('is ready when it can serve, tells live figures, and says that it stops', async () => {
    const { custodian, engine, broker } = await startAll();
    const hash = await hashes(await openClient());
    await hash();
    const lastOf = ({ told }: Service): string => told('STATUS').at(-1) ?? '';
    await eventually('the engine counts', () =>
      /^1 channels, 1 queues, 0 .* 1 completed$/.test(lastOf(engine)),
    );
    await eventually('the broker counts', () => /^1 connections, 1 channels$/.test(lastOf(broker)));
    await eventually('the custodian counts', () => / [1-9]\d* descriptors kept/.test(lastOf(custodian)));
    for (const service of [broker, engine, custodian]) {
      service.process.kill('SIGTERM');
      expect(await service.ended).toBe(0);
      expect(service.told('STOPPING')).toEqual(['1']);
    }
  });

  it('feeds the watchdog while it works, and misses it while it is stopped', async () => {
    const services = await startAll();
    for (const service of Object.values(services)) {
      const fed = (): number => service.told('WATCHDOG').length;
      const before = fed();
      await eventually('it is fed', () => fed() >= before + 2);
      service.process.kill('SIGSTOP');
      await eventually('it is stopped', () => isStopped(service));
      const atStop = fed();
      // Two deadlines of the others, which go on.
      const others = Object.values(services).filter((other) => other !== service);
      const othersFed = others.map((other) => other.told('WATCHDOG').length);
      await eventually('the others are fed', () =>
        others.every((other, index) => other.told('WATCHDOG').length >= (othersFed[index] ?? 0) + 8),
      );
      expect(fed()).toBeLessThanOrEqual(atStop + 1);
      service.process.kill('SIGCONT');
      await eventually('it is fed again', () => fed() > atStop + 1);
    }
  });

  it('that is restarted leaves everything to the next one: clients go on, with what they had in flight', async () => {
    const { custodian, engine, broker } = await startAll();
    const first = await hashes(await openClient());
    await first();
    for (const [role, service] of Object.entries({ engine, broker, custodian })) {
      const path = join(manager.runtimeDir, 'warpdrived.toml');
      const work = Array.from({ length: 50 }, first);
      service.process.kill('SIGUSR2');
      expect(await service.ended, service.log()).toBe(0);
      // Theirs to remove who opened them.
      expect(existsSync(join(manager.runtimeDir, GRPC_SOCKET))).toBe(true);
      const next = await manager.start(role, role === 'custodian' ? ['--config', path] : []);
      await Promise.all(work);
      await first();
      const second = await openClient();
      await (await hashes(second))();
      expect(next.log()).not.toContain('"level":50');
    }
    expect(engine.log()).not.toContain('channel ended');
  });

  it.each(['engine', 'broker', 'custodian'] as const)(
    'a %s that stands by is ready to, is watched, and goes on where the one that serves ends',
    async (role) => {
      const serving = await startAll();
      const hash = await hashes(await openClient());
      await hash();
      const config = join(manager.runtimeDir, 'warpdrived.toml');
      const options = ['--standby', ...(role === 'custodian' ? ['--config', config] : [])];
      const standby = await manager.start(role, options);
      const status = (): string => standby.told('STATUS').at(-1) ?? '';
      expect(status()).toBe('standing by');
      await eventually('it is fed', () => standby.told('WATCHDOG').length >= 2);
      standby.process.kill('SIGHUP');
      serving[role].process.kill('SIGKILL');
      await hash();
      await eventually('it serves', () => /^\d/.test(status()));
      await openClient();
      const atStart = standby.told('WATCHDOG').length;
      await eventually('it is fed', () => standby.told('WATCHDOG').length >= atStart + 2);
      const next = await manager.start(role, options);
      next.process.kill('SIGUSR2');
      expect(await next.ended, next.log()).toBe(0);
      await hash();
    },
  );

  it('waits for a custodian for as long as it takes, and says so', async () => {
    const engine = await manager.begin('engine', [], 2_000);
    const broker = await manager.begin('broker', [], 2_000);
    for (const { told } of [engine, broker]) {
      await eventually('it asks for more time, and again', () => told('EXTEND_TIMEOUT_USEC').length >= 2);
      expect(told('STATUS').at(-1)).toBe('waiting for the custodian');
      expect(told('READY')).toEqual([]);
    }
    broker.process.kill('SIGUSR2');
    expect(await broker.ended, broker.log()).toBe(0);
    await manager.start('custodian');
    await eventually('the engine is ready', () => engine.told('READY').length === 1);
    await manager.start('broker');
    await openClient();
  });

  it('the custodian tells when it reads the configuration again, and when it has', async () => {
    const { custodian } = await startAll();
    writeFileSync(join(manager.runtimeDir, 'warpdrived.toml'), '[limits]\nqueues = 7\n');
    custodian.process.kill('SIGHUP');
    await eventually('it has', () => custodian.told('READY').length === 2);
    expect(custodian.told('RELOADING')).toEqual(['1']);
    expect(custodian.log()).toContain('configuration reloaded');
    writeFileSync(join(manager.runtimeDir, 'warpdrived.toml'), '[limits]\nquues = 7\n');
    custodian.process.kill('SIGHUP');
    await eventually('it goes on', () => custodian.told('READY').length === 3);
    expect(custodian.log()).toMatch(/"level":50.*quues.*what is in force stays/);
  });

  it('says what is wrong with the configuration, and ends with the code that no restart follows', async () => {
    const path = join(manager.runtimeDir, 'warpdrived.toml');
    writeFileSync(path, '[limits]\nquues = 7\n');
    const custodian = await manager.begin('custodian', ['--config', path], 2_000);
    expect(await custodian.ended).toBe(2);
    expect(custodian.log()).toContain('limits.quues');
    expect(custodian.told('READY')).toEqual([]);
  });

  it('is refused with a code of its own where another one serves already', async () => {
    const { engine } = await startAll();
    const second = await manager.begin('engine', [], 2_000);
    expect(await second.ended).toBe(3);
    expect(second.log()).toContain(`process ${engine.process.pid} does so already`);
    await (await hashes(await openClient()))();
  });
});

function isStopped({ process: { pid } }: Service): boolean {
  return /^State:\tT/m.test(readStatus(pid ?? 0));
}

function readStatus(pid: number): string {
  return readFileSync(`/proc/${pid}/status`, 'utf8');
}
