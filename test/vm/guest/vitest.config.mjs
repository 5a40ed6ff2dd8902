// Inside a guest: the tests that the host names on the command line. The project is read-only there.
//
// What the tests import from src/ is the compiled code in dist/, as in production: the same modules as in the processes
// that the tests start, and nothing to translate, which is slow on an emulated processor.

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const dist = fileURLToPath(new URL('../../../dist/src/', import.meta.url));

export default defineConfig({
  cacheDir: '/tmp/vite',
  resolve: { alias: [{ find: /^(?:\.\.\/)+src\/(.*)\.ts$/, replacement: `${dist}$1.js` }] },
  test: {
    include: ['test/vm/guest/*.guest.ts'],
    server: { deps: { external: [/\/dist\/src\//] } },
    // Processes, as everywhere; one at a time: they share the guest's only parent device.
    pool: 'forks',
    maxWorkers: 1,
    // One process for all files: starting one takes longer than most tests.
    isolate: false,
    // Emulated, and maybe on a busy host.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
