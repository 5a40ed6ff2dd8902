// A machine with the installed package, as an administrator sees it, and clients of ordinary users on it that work all the time.

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export const CONFIG = '/etc/warpdrive/warpdrived.toml';
export const parts = ['custodian', 'engine', 'broker'];
/** Of each part there are two: one serves, the other stands by. */
export const units = Object.fromEntries(
  parts.map((part) => [part, [1, 2].map((number) => `warpdrive-${part}@${number}.service`)]),
);
const allUnits = Object.values(units).flat();
/** An emulated processor takes some hundred times as long: six processes that start are minutes. */
const LIMIT_MILLIS = 900_000;

export const run = (program, ...args) => spawnSync(program, args, { encoding: 'utf8' });

export function must(program, ...args) {
  const { status, stdout, stderr } = run(program, ...args);
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

export const show = (unit, property) => must('systemctl', 'show', '-P', property, unit).trim();

/** The unit that serves as a part. Without any it is the first. */
export function service(part) {
  const [first, second] = units[part];
  return isServing(second) ? second : first;
}

export const isServing = (unit) =>
  show(unit, 'ActiveState') === 'active' && /^\d/.test(show(unit, 'StatusText'));

export const mainPid = (part) => Number(show(service(part), 'MainPID'));
/** Of all, whether they serve or stand by. */
export const mainPids = () => allUnits.map((unit) => show(unit, 'MainPID'));

export async function eventually(what, holds) {
  const end = performance.now() + LIMIT_MILLIS;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`${what} did not happen within ${LIMIT_MILLIS} ms`);
    await sleep(100);
  }
}

/** Resolves when all parts run, and what is to take over from one, too. */
export const allActive = () =>
  eventually('all are active', () => allUnits.every((unit) => show(unit, 'ActiveState') === 'active'));

/** Ends what serves as a part by a signal; resolves when another process does. */
export async function strike(part, signal) {
  await allActive();
  const before = mainPid(part);
  process.kill(before, signal);
  await eventually(`the ${part} is another process`, () => ![0, before].includes(mainPid(part)));
  await eventually(`the ${part} serves`, () => isServing(service(part)));
}

/** Has systemd restart what serves as a part. */
export async function restart(part) {
  await allActive();
  must('systemctl', 'restart', service(part));
}

/** What all parts have told the journal while something is done. */
export async function journalOf(act) {
  const since = must('date', '+@%s').trim();
  await act();
  return must('journalctl', '-u', 'warpdrive-*', '-o', 'cat', '--since', since);
}

export const start = () => must('systemctl', 'start', 'warpdrive.target');

/** The target's job is done before those of its parts. */
export async function stopAll() {
  must('systemctl', 'stop', 'warpdrive.target');
  await eventually('all have stopped', () =>
    allUnits.every((unit) => show(unit, 'ActiveState') === 'inactive'),
  );
}

/** Two clients, each of a user of its own. `words`: what client.mjs is told besides. */
export function startClients(...words) {
  return [1000, 1001].map((uid) => {
    const path = `/tmp/client-${uid}`;
    writeFileSync(path, '');
    execFileSync('chmod', ['666', path]);
    const child = spawn(process.execPath, ['/exchange/client.mjs', path, ...words], {
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
    const last = () => lines().at(-1) ?? { done: 0, interrupted: 0, wrong: 0, failed: 0 };
    return { child, lines, last };
  });
}

/** Each client has had an answer to something that it sent after now. */
export async function goOn(clients) {
  const before = clients.map(({ last }) => last().done);
  await eventually('the clients go on', () =>
    clients.every(({ last, child }, index) => {
      assert.equal(child.exitCode, null, 'a client ended');
      return last().done > before[index] + 2;
    }),
  );
}

/** The same, and none of its requests has failed. */
export async function goOnUnharmed(clients) {
  await goOn(clients);
  for (const { last, lines } of clients) {
    const { wrong, failed } = last();
    const complaints = lines().filter(({ code }) => code !== undefined);
    assert.deepEqual({ wrong, failed }, { wrong: 0, failed: 0 }, JSON.stringify(complaints));
  }
}

/** They end in order, with no wrong result. */
export async function endClients(clients) {
  for (const { child } of clients) child.kill('SIGTERM');
  await eventually('they have ended', () => clients.every(({ child }) => child.exitCode !== null));
  for (const { child, last } of clients) {
    assert.equal(child.exitCode, 0);
    assert.equal(last().isEnded, true);
    assert.equal(last().wrong, 0);
  }
}
