// Listening on a Unix socket whose path a process before this one may have left behind.

import { chmodSync, renameSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';

/**
 * Resolves when the server listens at `path`. The socket takes the place of an old one in one step: who connects
 * meanwhile finds one that is refused, and waits, but never none, which would mean that there is no daemon.
 */
export async function listenAt(server: Server, path: string, mode?: number): Promise<void> {
  // Nobody else's: who serves a role holds its lock.
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(fresh, () => resolve());
  });
  if (mode !== undefined) chmodSync(fresh, mode);
  renameSync(fresh, path);
}
