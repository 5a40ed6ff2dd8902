// A container with a systemd of its own, in place of a virtual machine: the host's kernel at the host's speed, so the whole
// scenario takes minutes. Whatever it writes is gone with it.

import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectFolder } from '../vm/folders.ts';

export interface ContainerOptions {
  /** The folder that is its file system, which stays as it is. */
  readonly root: string;
  /** A folder of its own: run.sh and whatever it leaves; console.log. */
  readonly exchange: string;
  /** A folder whose files are put there first. */
  readonly files: string;
  readonly script: string;
  readonly limitMillis: number;
}

/** Runs it to its end; as root, which alone can. Throws if it doesn't switch itself off. */
export async function runContainer({
  root,
  exchange,
  files,
  script,
  limitMillis,
}: ContainerOptions): Promise<void> {
  await rm(exchange, { recursive: true, force: true });
  await mkdir(exchange, { recursive: true });
  await cp(files, exchange, { recursive: true });
  await writeFile(join(exchange, 'run.sh'), script);
  const unit = 'warpdrive-scenario.service';
  const options = [
    ['--register=no', '--keep-unit', '--private-network', '--volatile=overlay', '-D', root],
    [`--bind=${exchange}:/exchange`, `--bind-ro=${join(exchange, unit)}:/etc/systemd/system/${unit}`],
    [`--bind-ro=${projectFolder}:/project`],
    ['--boot', '--', `--unit=${unit}`],
  ].flat();
  await new Promise<void>((resolve, reject) => {
    const container = execFile(
      'systemd-nspawn',
      options,
      { timeout: limitMillis, killSignal: 'SIGKILL' },
      (error) => (error === null ? resolve() : reject(error)),
    );
    container.stdout?.pipe(createWriteStream(join(exchange, 'console.log')));
  });
}
