import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfiguration } from '../../../src/daemon/config/config.ts';
import type { Configuration } from '../../../src/daemon/config/schema.ts';

/** Some user that is not root. */
const UID = 1_000;

interface Host {
  readonly uid?: number;
  readonly mode?: number;
  readonly passwd?: string;
  readonly group?: string;
}

/** Reads a text as a configuration file, on a host of its own. */
export function configure(text: string, host: Host = {}): Configuration {
  const root = mkdtempSync(join(tmpdir(), 'warpdrive-test-'));
  try {
    mkdirSync(join(root, 'etc'));
    writeFileSync(
      join(root, 'etc/passwd'),
      host.passwd ??
        'root:x:0:0:root:/root:/bin/sh\nbackup:x:34:34::/var:/bin/false\nalice:x:1001:1001::/:/bin/sh\n',
    );
    writeFileSync(join(root, 'etc/group'), host.group ?? 'root:x:0:\nwheel:x:10:alice\nbatch:x:2000:\n');
    const path = join(root, 'warpdrived.toml');
    writeFileSync(path, text);
    chmodSync(path, host.mode ?? 0o644);
    return readConfiguration(path, { root, uid: host.uid ?? UID });
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** What is said about a text that is refused. */
export function refusal(text: string, host: Host = {}): string {
  try {
    configure(text, host);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it was not refused');
}
