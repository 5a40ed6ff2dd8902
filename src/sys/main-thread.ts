// Refuses worker threads before the FFI library is loaded: it keeps its symbols in a static without a lock, and a
// worker that has loaded it takes the whole process down when it ends. Imported first by libc.ts.

import { isMainThread } from 'node:worker_threads';
import { WarpError } from '../shared/errors.ts';

if (!isMainThread) {
  throw new WarpError('UNSUPPORTED', {
    operation: 'load the system-call interface',
    found: 'this is a worker thread; the FFI library is not safe in more than one thread',
    hint: 'connect on the main thread, or run the work in a process of its own',
  });
}
