import { defineConfig } from 'vitest/config';
import { longTests, shared } from './vitest.shared.ts';

/** What `npm test` runs: everything that is done in a few minutes. */
export default defineConfig({
  test: { ...shared, include: ['test/**/*.test.ts'], exclude: longTests },
});
