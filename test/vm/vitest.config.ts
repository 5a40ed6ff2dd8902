// npm run test:vm: the tests of the host's side, each of which is a guest.

import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** A guest waits for its disk and its clock, too; with more beside it, what it waits for comes too late for its tests. */
const GUESTS_AT_ONCE = availableParallelism() + 1;

export default defineConfig({
  test: {
    include: ['test/vm/*.vm.ts'],
    testTimeout: 1_600_000,
    hookTimeout: 300_000,
    maxConcurrency: GUESTS_AT_ONCE,
  },
});
