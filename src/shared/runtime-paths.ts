// Where the daemon's sockets are, and how a client finds them.

/** Names in the runtime folder. */
export const GRPC_SOCKET = 'warpdrive.sock';
export const FD_SOCKET = 'fd.sock';
export const METRICS_SOCKET = 'metrics.sock';
export const CUSTODIAN_SOCKET = 'custodian.sock';
export const ENGINE_SOCKET = 'engine.sock';

/**
 * The runtime folder where none is given: $WARPDRIVE_RUNTIME_DIR, else the system's for root and for whoever has
 * no folder of his own, else the user's.
 */
export function defaultRuntimeDir(environment: NodeJS.ProcessEnv, uid: number): string {
  const given = environment['WARPDRIVE_RUNTIME_DIR'];
  if (given !== undefined && given !== '') return given;
  const own = environment['XDG_RUNTIME_DIR'];
  if (uid === 0 || own === undefined || own === '') return '/run/warpdrive';
  return `${own}/warpdrive`;
}
