// Deaths at the worst moment: found by the chaos test, each made to happen for certain here.

import { describe, expect, it } from 'vitest';
import { eventually } from '../fixtures/daemon.ts';
import { open, start, stopAfterEach } from '../fixtures/each-daemon.ts';
import { findRole, memoriesOf } from '../fixtures/processes.ts';

stopAfterEach();

/** Calls outlast the start of two processes. */
const PATIENT = { timeoutMillis: 20_000 };

describe('when', () => {
  it('an engine dies before the custodian has a region, no channel is lost, and the region is shared', async () => {
    const started = await start();
    const connection = await open(started, PATIENT);
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    const custodian = started.pids['custodian'] as number;
    process.kill(custodian, 'SIGSTOP');
    // One message to the custodian is on its way, the second waits for its answer.
    const first = connection.share(4096);
    const second = connection.share(4096);
    let isShared = false;
    void second.then(() => (isShared = true));
    await connection.status();
    process.kill(started.pids['engine'] as number, 'SIGKILL');
    process.kill(custodian, 'SIGCONT');
    await started.logged(/"lost":0.*went on where the engine before died/);
    expect(isShared).toBe(false);
    for (const region of await Promise.all([first, second])) {
      const source = { region, offset: 0, bytes: 4096 };
      expect((await queue.submit({ operation: 'crc32', source })).code).toBe('OK');
    }
    expect(started.log()).not.toContain('channel is lost');
  });

  it('the custodian dies while it is asked who a caller is, the next one is asked', async () => {
    const started = await start();
    const custodian = started.pids['custodian'] as number;
    process.kill(custodian, 'SIGSTOP');
    const opened = [1, 2, 3].map(() => open(started, PATIENT));
    await started.logged(/a process hangs; killing it/);
    await Promise.all(opened);
  });

  it('a request was running at two crashes, it completes, its channel ends, and nothing of it stays', async () => {
    const started = await start(
      '[devices.soft0]\ndriver = "soft"\nqueues = 1\n[devices.soft0.faults]\ndelay_millis = 5000\n',
    );
    const supervisor = started.process.pid as number;
    const connection = await open(started, PATIENT);
    const observer = await open(started, PATIENT);
    const queue = await connection.requestQueue({ algorithm: 'crc32' });
    const region = await connection.share(4096);
    const source = { region, offset: 0, bytes: 4096 };
    const outcome = queue.submit({ operation: 'crc32', source }).catch((error: unknown) => error);
    for (let crash = 0; crash < 2; crash++) {
      await eventually('one runs', async () => {
        const devices = await observer.devices().catch(() => []);
        return devices[0]?.inFlight === 1;
      });
      const engine = findRole(supervisor, 'engine') as number;
      process.kill(engine, 'SIGKILL');
      await eventually('another engine is there', () => {
        const next = findRole(supervisor, 'engine');
        return next !== undefined && next !== engine;
      });
    }
    await started.logged(/"tenant":"default:\d+","uid":\d+,"pid":\d+,.*a request was running at two crashes/);
    expect(await outcome).toMatchObject({ code: 'INTERRUPTED', ran: 'maybe' });
    await expect(queue.submit({ operation: 'crc32', source })).rejects.toMatchObject({ code: 'POISONED' });
    await eventually('its region was given back', async () => {
      const { usage } = await observer.status();
      return usage.find(({ resource }) => resource === 'regions')?.used === 0;
    });
    await eventually('its memory, too', () => {
      const custodian = findRole(supervisor, 'custodian') as number;
      return !memoriesOf(custodian).includes('warpdrive-region');
    });
  });
});
