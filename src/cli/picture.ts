// Reads the counters of the daemon from its socket for metrics.

import { request } from 'node:http';
import { join } from 'node:path';
import { WarpError } from '../client/index.ts';
import { type Picture, PICTURE_PATH } from '../shared/picture.ts';
import { METRICS_SOCKET } from '../shared/runtime-paths.ts';

const operation = 'read the counters of the daemon';

/** Throws NO_DAEMON, PERMISSION_DENIED, ENGINE_UNAVAILABLE, DEADLINE_EXCEEDED. */
export function readPicture(runtimeDir: string, timeoutMillis: number): Promise<Picture> {
  const socketPath = join(runtimeDir, METRICS_SOCKET);
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path: PICTURE_PATH, timeout: timeoutMillis }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.once('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text) as Picture);
        else reject(new WarpError('ENGINE_UNAVAILABLE', { operation, found: text.trim() }));
      });
    });
    call.once('timeout', () => {
      call.destroy();
      reject(new WarpError('DEADLINE_EXCEEDED', { operation }));
    });
    call.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, socketPath)));
    call.end();
  });
}

function explain(cause: NodeJS.ErrnoException, path: string): WarpError {
  if (cause.code === 'EACCES') {
    const found = `${path} is for root and the user of the daemon`;
    return new WarpError('PERMISSION_DENIED', { operation, found, hint: 'call it as one of them', cause });
  }
  const found = `nobody answers at ${path}`;
  const hint = 'start the daemon, and leave "socket" of [metrics] on; or name its folder with --runtime-dir';
  return new WarpError('NO_DAEMON', { operation, found, hint, cause });
}
