// The installed package under a real systemd, from outside: everything is done and looked at as an administrator would.
// Two clients of ordinary users work all the time; none of what happens to the parts may make them fail.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  allActive,
  CONFIG,
  endClients,
  eventually,
  goOn,
  goOnUnharmed,
  isServing,
  journalOf,
  mainPid,
  mainPids,
  must,
  parts,
  restart,
  run,
  service,
  show,
  start,
  startClients,
  stopAll,
  strike,
  units,
} from './machine.mjs';

const clients = startClients();
const clientsGoOn = () => goOnUnharmed(clients);
const isEmulated = run('systemd-detect-virt').stdout.trim() === 'qemu';

await test('the installation has started all parts, each as its own user and without capabilities', async () => {
  await allActive();
  await eventually('all serve', () => parts.every((part) => isServing(service(part))));
  const uids = parts.map((part) => {
    const status = readFileSync(`/proc/${mainPid(part)}/status`, 'utf8');
    assert.match(status, /^CapEff:\t0+$/m);
    assert.match(status, /^CapBnd:\t0+$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
    return Number(/^Uid:\t(\d+)/m.exec(status)[1]);
  });
  assert.equal(uids[0], 0);
  assert.equal(new Set(uids).size, 3);
});

await test('clients of ordinary users work, and the services show live figures', async () => {
  await clientsGoOn();
  await eventually('the engine counts', () =>
    /^2 channels, 2 queues, .* [1-9]\d* completed$/.test(show(service('engine'), 'StatusText')),
  );
  await eventually('the broker counts', () => show(service('broker'), 'StatusText').endsWith('2 channels'));
});

await test('to no part is anything of the system writable, its configuration either', () => {
  for (const part of parts) {
    for (const path of [CONFIG, '/usr/bin/warpdrived', '/var/lib/new']) {
      const { status, stderr } = run('nsenter', '-m', '-t', `${mainPid(part)}`, 'touch', path);
      assert.notEqual(status, 0);
      assert.match(stderr, /Read-only file system/);
    }
  }
});

await test('another user than theirs cannot speak to the custodian or the engine', () => {
  for (const part of ['custodian', 'engine']) {
    const script = `require('net').connect('/run/warpdrive/${part}/link.sock').on('error', (e) => { console.log(e.code); })`;
    const { stdout } = spawnSync(process.execPath, ['-e', script], {
      uid: 1000,
      gid: 1000,
      encoding: 'utf8',
    });
    assert.equal(stdout.trim(), 'EACCES');
  }
});

await test('a reload applies a configuration; one that is not valid is refused, and what was in force stays', async () => {
  await allActive();
  const text = readFileSync(CONFIG, 'utf8');
  writeFileSync(CONFIG, text.replace('queues = 256', 'queues = 200'));
  must('systemctl', 'reload', service('custodian'));
  writeFileSync(CONFIG, text.replace('queues = 256', 'quues = 200'));
  assert.notEqual(run('systemctl', 'reload', service('custodian')).status, 0);
  assert.match(must('journalctl', '-u', service('custodian'), '-o', 'cat'), /limits\.quues.*did you mean/);
  writeFileSync(CONFIG, text);
  must('systemctl', 'reload', service('custodian'));
  await clientsGoOn();
});

for (const part of ['engine', 'broker', 'custodian']) {
  await test(`the ${part} is killed: systemd starts it again, and clients go on`, async () => {
    await strike(part, 'SIGKILL');
    await clientsGoOn();
  });

  await test(`the ${part} is stopped by a signal: the watchdog replaces it and no other, and clients go on`, async () => {
    const others = parts.filter((other) => other !== part);
    const before = others.map(mainPid);
    await strike(part, 'SIGSTOP');
    assert.deepEqual(others.map(mainPid), before);
    await clientsGoOn();
  });

  await test(`the ${part} is restarted: no channel ends, nothing is interrupted`, async () => {
    const interrupted = () => clients.map(({ last }) => last().interrupted);
    const before = interrupted();
    const journal = await journalOf(async () => {
      await restart(part);
      await clientsGoOn();
    });
    assert.deepEqual(interrupted(), before);
    assert.doesNotMatch(journal, /channel (ended|lost)/);
  });
}

await test('what stands by is killed, or restarted: nobody notices, and it stands by again', async () => {
  await allActive();
  for (const part of parts) {
    const serving = mainPid(part);
    const standby = units[part].find((unit) => unit !== service(part));
    const standbyPid = () => Number(show(standby, 'MainPID'));
    const killed = standbyPid();
    process.kill(killed, 'SIGKILL');
    await eventually('it is another process', () => ![0, killed].includes(standbyPid()));
    await allActive();
    must('systemctl', 'restart', standby);
    assert.equal(show(standby, 'StatusText'), 'standing by');
    assert.equal(mainPid(part), serving);
  }
  await clientsGoOn();
});

await test('a part that is started by hand beside the service is refused', async () => {
  for (const part of parts) {
    const { status, stderr } = run('warpdrived', part, '--runtime-dir', '/run/warpdrive');
    assert.equal(status, 3, stderr);
    assert.match(stderr, /does so already/);
  }
  await clientsGoOn();
});

await test('an upgrade restarts one part after the other: clients go on with the same channels', async () => {
  await allActive();
  const before = mainPids();
  const journal = await journalOf(async () => {
    must('dpkg', '-i', '--force-unsafe-io', '/exchange/next.deb');
    assert.deepEqual(
      mainPids().filter((pid) => before.includes(pid)),
      [],
    );
    await allActive();
    await clientsGoOn();
  });
  assert.match(must('dpkg-query', '-W', '-f', '${Version}', 'warpdrive'), /next$/);
  assert.doesNotMatch(journal, /channel (ended|lost)/);
});

await test('the clock jumps by days, forth and back: nobody notices', {
  // A container has the clock of its host.
  skip: !isEmulated,
}, async () => {
  const before = parts.map(mainPid);
  for (const jump of ['+2 days', '-4 days']) {
    must('date', '--set', jump);
    await clientsGoOn();
  }
  assert.deepEqual(parts.map(mainPid), before);
});

await test('a stop tells clients, and leaves no process and no socket; after a start they set up again', async () => {
  await stopAll();
  for (const part of parts) assert.equal(mainPid(part), 0);
  assert.notEqual(run('test', '-e', '/run/warpdrive/warpdrive.sock').status, 0);
  start();
  await goOn(clients);
});

await test('a configuration that is not valid at the start fails with its message in the journal, and a valid one serves', async () => {
  await stopAll();
  const text = readFileSync(CONFIG, 'utf8');
  writeFileSync(CONFIG, `${text}\n[limitz]\n`);
  const journal = await journalOf(async () => {
    // Whoever starts it is not held up by what waits for a custodian that never comes.
    start();
    for (const unit of units.custodian)
      await eventually('the custodian fails', () => show(unit, 'ActiveState') === 'failed');
  });
  for (const unit of units.custodian) assert.equal(show(unit, 'ExecMainStatus'), '2');
  assert.match(journal, /limitz: unknown key; did you mean "limits"/);
  await eventually('an engine waits for a custodian, and brokers for the engine', () =>
    units.engine.some((unit) => show(unit, 'StatusText') === 'waiting for the custodian'),
  );
  if (!isEmulated) {
    const pids = mainPids();
    const startSeconds = Number.parseInt(show(units.engine[0], 'TimeoutStartUSec'), 10);
    await sleep((startSeconds + 2) * 1_000);
    assert.deepEqual(mainPids(), pids, 'none gives up and is started again');
  }
  writeFileSync(CONFIG, text);
  start();
  await goOn(clients);
});

await test('the clients end in order, with no wrong result', () => endClients(clients));
