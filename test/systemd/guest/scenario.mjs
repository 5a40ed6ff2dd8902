// The installed package under a real systemd, from outside: everything is done and looked at as an administrator would.
// Two clients of ordinary users work all the time; none of what happens to the parts may make them fail.

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const CONFIG = '/etc/warpdrive/warpdrived.toml';
const parts = ['custodian', 'engine', 'broker'];
/** An emulated processor takes some forty times as long. */
const LIMIT_MILLIS = 240_000;

const run = (program, ...args) => spawnSync(program, args, { encoding: 'utf8' });
function must(program, ...args) {
  const { status, stdout, stderr } = run(program, ...args);
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}
const show = (unit, property) => must('systemctl', 'show', '-P', property, unit).trim();
const units = {
  custodian: ['warpdrive-custodian.service'],
  engine: ['warpdrive-engine@1.service', 'warpdrive-engine@2.service'],
  broker: ['warpdrive-broker.service'],
};
/** The unit that serves as a part: of two engines one stands by. Without any it is the first. */
function service(part) {
  const [first, second] = units[part];
  return second !== undefined && isServing(second) ? second : first;
}
const isServing = (unit) => show(unit, 'ActiveState') === 'active' && /^\d/.test(show(unit, 'StatusText'));
const mainPid = (part) => Number(show(service(part), 'MainPID'));

async function eventually(what, holds) {
  const end = performance.now() + LIMIT_MILLIS;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`${what} did not happen within ${LIMIT_MILLIS} ms`);
    await sleep(100);
  }
}

const clients = [1000, 1001].map((uid) => {
  const path = `/tmp/client-${uid}`;
  writeFileSync(path, '', { mode: 0o666 });
  execFileSync('chmod', ['666', path]);
  const child = spawn(process.execPath, ['/exchange/client.mjs', path], {
    uid,
    gid: uid,
    env: { WARPDRIVE_ROOT: '/usr/lib/warpdrive' },
    stdio: 'inherit',
  });
  const lines = () =>
    readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  return {
    uid,
    child,
    lines,
    last: () => lines().at(-1) ?? { done: 0, interrupted: 0, wrong: 0, failed: 0 },
  };
});

/** Each client has had an answer to something that it sent after now. */
async function clientsGoOn() {
  const before = clients.map(({ last }) => last().done);
  await eventually('the clients go on', () =>
    clients.every(({ last, child }, index) => {
      assert.equal(child.exitCode, null, 'a client ended');
      return last().done > before[index] + 2;
    }),
  );
  for (const { last, lines } of clients) {
    const { wrong, failed } = last();
    const complaints = lines().filter(({ code }) => code !== undefined);
    assert.deepEqual({ wrong, failed }, { wrong: 0, failed: 0 }, JSON.stringify(complaints));
  }
}

/** Resolves when the part is another process than before, and ready. */
async function isReplaced(part, before) {
  await eventually(`the ${part} is another process`, () => ![0, before].includes(mainPid(part)));
  await eventually(`the ${part} serves`, () => isServing(service(part)));
}

/** What is to take over from it, too. */
const allActive = () =>
  Object.values(units)
    .flat()
    .every((unit) => show(unit, 'ActiveState') === 'active');

await test('the installation has started all parts, each as its own user and without capabilities', async () => {
  await eventually('all are active', allActive);
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
    await eventually('all are active', allActive);
    const pid = mainPid(part);
    process.kill(pid, 'SIGKILL');
    await isReplaced(part, pid);
    await clientsGoOn();
  });

  await test(`the ${part} is stopped by a signal: the watchdog replaces it and no other, and clients go on`, async () => {
    await eventually('all are active', allActive);
    const before = Object.fromEntries(parts.map((other) => [other, mainPid(other)]));
    process.kill(before[part], 'SIGSTOP');
    await isReplaced(part, before[part]);
    for (const other of parts.filter((other) => other !== part)) assert.equal(mainPid(other), before[other]);
    await clientsGoOn();
  });

  await test(`the ${part} is restarted: no channel ends, nothing is interrupted`, async () => {
    const interrupted = clients.map(({ last }) => last().interrupted);
    await eventually('all are active', allActive);
    const since = must('date', '+@%s').trim();
    must('systemctl', 'restart', service(part));
    await clientsGoOn();
    assert.deepEqual(
      clients.map(({ last }) => last().interrupted),
      interrupted,
    );
    assert.doesNotMatch(
      must('journalctl', '-u', 'warpdrive-*', '-o', 'cat', '--since', since),
      /channel (ended|lost)/,
    );
  });
}

await test('the engine that stands by is killed, or restarted: nobody notices, and it stands by again', async () => {
  await eventually('all are active', allActive);
  const serving = mainPid('engine');
  const standby = units.engine.find((unit) => unit !== service('engine'));
  const standbyPid = () => Number(show(standby, 'MainPID'));
  const killed = standbyPid();
  process.kill(killed, 'SIGKILL');
  await eventually('it is another process', () => ![0, killed].includes(standbyPid()));
  await eventually('all are active', allActive);
  must('systemctl', 'restart', standby);
  assert.equal(show(standby, 'StatusText'), 'standing by');
  assert.equal(mainPid('engine'), serving);
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
  await eventually('all are active', allActive);
  const pids = () =>
    Object.values(units)
      .flat()
      .map((unit) => show(unit, 'MainPID'));
  const before = pids();
  const since = must('date', '+@%s').trim();
  must('dpkg', '-i', '--force-unsafe-io', '/exchange/next.deb');
  assert.deepEqual(
    pids().filter((pid) => before.includes(pid)),
    [],
  );
  await eventually('all are active', allActive);
  await clientsGoOn();
  assert.match(must('dpkg-query', '-W', '-f', '${Version}', 'warpdrive'), /next$/);
  assert.doesNotMatch(
    must('journalctl', '-u', 'warpdrive-*', '-o', 'cat', '--since', since),
    /channel (ended|lost)/,
  );
});

const { stdout: machine } = run('systemd-detect-virt');
await test('the clock jumps by days, forth and back: nobody notices', {
  // A container has the clock of its host.
  skip: machine.trim() !== 'qemu',
}, async () => {
  const before = parts.map(mainPid);
  for (const jump of ['+2 days', '-4 days']) {
    must('date', '--set', jump);
    await clientsGoOn();
  }
  assert.deepEqual(parts.map(mainPid), before);
});

/** The target's job is done before those of its parts. */
async function stopAll() {
  must('systemctl', 'stop', 'warpdrive.target');
  await eventually('all have stopped', () =>
    Object.values(units)
      .flat()
      .every((unit) => show(unit, 'ActiveState') === 'inactive'),
  );
}

await test('a stop tells clients, and leaves no process and no socket; after a start they set up again', async () => {
  await stopAll();
  for (const part of parts) assert.equal(mainPid(part), 0);
  assert.notEqual(run('test', '-e', '/run/warpdrive/warpdrive.sock').status, 0);
  must('systemctl', 'start', 'warpdrive.target');
  const before = clients.map(({ last }) => last().done);
  await eventually('the clients go on', () =>
    clients.every(({ last }, index) => last().done > before[index] + 2),
  );
});

await test('a configuration that is not valid at the start fails with its message in the journal, and a valid one serves', async () => {
  await stopAll();
  const text = readFileSync(CONFIG, 'utf8');
  writeFileSync(CONFIG, `${text}\n[limitz]\n`);
  const since = must('date', '+@%s').trim();
  // Whoever starts it is not held up by what waits for a custodian that never comes.
  must('systemctl', 'start', 'warpdrive.target');
  await eventually('the custodian fails', () => show(service('custodian'), 'ActiveState') === 'failed');
  assert.equal(show(service('custodian'), 'ExecMainStatus'), '2');
  assert.match(
    must('journalctl', '-u', service('custodian'), '-o', 'cat', '--since', since),
    /limitz: unknown key; did you mean "limits"/,
  );
  writeFileSync(CONFIG, text);
  must('systemctl', 'start', 'warpdrive.target');
  const before = clients.map(({ last }) => last().done);
  await eventually('the clients go on', () =>
    clients.every(({ last }, index) => last().done > before[index] + 2),
  );
});

await test('the clients end in order, with no wrong result', async () => {
  for (const { child } of clients) child.kill('SIGTERM');
  await eventually('they have ended', () => clients.every(({ child }) => child.exitCode !== null));
  for (const { child, last } of clients) {
    assert.equal(child.exitCode, 0);
    assert.equal(last().isEnded, true);
    assert.equal(last().wrong, 0);
  }
});
