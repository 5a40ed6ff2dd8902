// Listening on a Unix socket: one that the service manager opened and keeps open while this process is away, or one of
// our own, whose path a process before this one may have left behind.

import { chmodSync, renameSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { serviceManager } from './service-manager.ts';

/**
 * Resolves when the server listens at `path`. The socket takes the place of an old one in one step: who connects
 * meanwhile finds one that is refused, and waits, but never none, which would mean that there is no daemon. `mode`: of a
 * socket of our own.
 */
export async function listenAt(server: Server, path: string, mode?: number): Promise<void> {
  const given = serviceManager.takeSocket(path);
  if (given !== undefined) {
    await begin(server, () => server.listen({ fd: given.take() }));
    return;
  }
  // Nobody else's: who serves a role holds its lock.
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true });
  // Nobody else can open it between its birth and chmod.
  const umask = process.umask(0o177);
  const listening = begin(server, () => server.listen(fresh));
  process.umask(umask);
  await listening;
  chmodSync(fresh, mode ?? 0o777 & ~umask);
  renameSync(fresh, path);
  ownPaths.set(server, path);
}

/** Paths to remove at the end. A given socket stays: it is the service manager's. */
const ownPaths = new WeakMap<Server, string>();

/** Closes the server, and takes its socket away if it was its own. */
export function stopListening(server: Server): void {
  server.close();
  const path = ownPaths.get(server);
  if (path !== undefined) rmSync(path, { force: true });
}

function begin(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => resolve());
    listen();
  });
}
