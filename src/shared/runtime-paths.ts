// Where the daemon's sockets are, and how a client finds them.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Names in the runtime folder: what clients open, then what the daemon's processes have for each other, each in a folder of its own. */
export const GRPC_SOCKET = 'warpdrive.sock';
export const FD_SOCKET = 'fd.sock';
export const METRICS_SOCKET = 'metrics.sock';
export const CUSTODIAN_SOCKET = 'custodian/link.sock';
export const ENGINE_SOCKET = 'engine/link.sock';

/** Of the daemon that the system starts. */
const SYSTEM_FOLDER = '/run/warpdrive';

/**
 * The runtime folder where none is given: $WARPDRIVE_RUNTIME_DIR, else the system's for root and for whoever has
 * no folder of his own, else the user's.
 */
export function defaultRuntimeDir(environment: NodeJS.ProcessEnv, uid: number): string {
  const given = environment['WARPDRIVE_RUNTIME_DIR'];
  if (given !== undefined && given !== '') return given;
  const own = environment['XDG_RUNTIME_DIR'];
  if (uid === 0 || own === undefined || own === '') return SYSTEM_FOLDER;
  return `${own}/warpdrive`;
}

/** The folder where a client finds a daemon: the user's own if there is one, else the system's. */
export function findRuntimeDir(
  environment: NodeJS.ProcessEnv,
  uid: number,
  systemFolder = SYSTEM_FOLDER,
): string {
  const own = defaultRuntimeDir(environment, uid);
  const isGiven = environment['WARPDRIVE_RUNTIME_DIR'] === own;
  if (isGiven || existsSync(join(own, GRPC_SOCKET))) return own;
  return existsSync(join(systemFolder, GRPC_SOCKET)) ? systemFolder : own;
}
