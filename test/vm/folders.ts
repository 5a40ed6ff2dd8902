// Where the guests' things are kept: everything that is fetched or built lies in one folder that git ignores, and
// can be deleted at any time.

import { join } from 'node:path';
import { packageRoot } from '../../src/shared/package-files.ts';

export const projectFolder = packageRoot;
export const cacheFolder = join(packageRoot, '.cache', 'vm');
/** What each guest was given and has left: results, its console, QEMU's own messages. */
export const runsFolder = join(cacheFolder, 'runs');
/** The module's source. */
export const kernelFolder = join(packageRoot, 'test', 'vm', 'kernel');
