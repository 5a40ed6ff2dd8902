// The daemon of a host that can be spared: the installed service, started anew with a configuration of the test. Its parts
// are children of systemd, which starts again what dies.

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { daemonRoles } from '../fixtures/processes.ts';
import type { Victim } from './victim.ts';

const CONFIGURATION_PATH = '/etc/warpdrive/warpdrived.toml';
const RUNTIME_DIR = '/run/warpdrive';
const SYSTEMD_PID = 1;
const units = daemonRoles.flatMap((role) => [1, 2].map((number) => `warpdrive-${role}@${number}.service`));
/** What dies as often as here systemd gives up on. */
const DROP_IN = '[Unit]\nStartLimitIntervalSec=0\n';
const STOP_POLL_MILLIS = 50;

function systemctl(...words: readonly string[]): string {
  return execFileSync('systemctl', words, { encoding: 'utf8' });
}

/** As root only. The configuration stays, and that systemd never gives up. */
export async function restartInstalled(configuration: string): Promise<Victim> {
  for (const unit of units) {
    const folder = `/run/systemd/system/${unit}.d`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/chaos.conf`, DROP_IN);
  }
  writeFileSync(CONFIGURATION_PATH, configuration);
  systemctl('daemon-reload');
  await stopInstalled();
  const which = units.map((unit) => `--unit=${unit}`);
  const journal = spawn('journalctl', ['--follow', '--lines=0', '--output=cat', ...which], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let log = '';
  journal.stdout.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  systemctl('start', 'warpdrive.target');
  const stop = async (): Promise<void> => {
    await stopInstalled();
    journal.kill();
  };
  return { runtimeDir: RUNTIME_DIR, supervisor: SYSTEMD_PID, log: () => log, stop };
}

/** The job of the target is done before those of its parts. */
async function stopInstalled(): Promise<void> {
  systemctl('stop', 'warpdrive.target');
  const isStopped = (): boolean =>
    systemctl('show', '--property=ActiveState', '--value', ...units)
      .split('\n')
      .every((state) => ['', 'inactive', 'failed'].includes(state));
  while (!isStopped()) await sleep(STOP_POLL_MILLIS);
}
