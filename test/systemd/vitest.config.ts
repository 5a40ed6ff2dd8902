// npm run test:systemd: the package in a virtual machine with a real systemd.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['test/systemd/*.vm.ts'], testTimeout: 30_000, hookTimeout: 3_600_000 },
});
