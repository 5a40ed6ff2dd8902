// Inside a guest: the tests that the host names on the command line. The project is read-only there.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  cacheDir: '/tmp/vite',
  test: {
    include: ['test/vm/guest/*.guest.ts'],
    // Processes, as everywhere; one at a time: they share the guest's only parent device.
    pool: 'forks',
    maxWorkers: 1,
    // Emulated, and maybe on a busy host.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
