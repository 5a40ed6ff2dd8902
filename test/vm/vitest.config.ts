// npm run test:vm: the tests of the host's side, each of which is a guest.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/vm/*.vm.ts'],
    testTimeout: 1_600_000,
    hookTimeout: 300_000,
  },
});
