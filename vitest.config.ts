import { defineConfig } from 'vitest/config';

/** The suite of the SDK, which runs once for each way to the daemon. */
const sdk = ['test/client/{helpers*,queues}.test.ts', 'test/e2e/requests.test.ts'];

function overTransport(name: string) {
  return { extends: true, test: { name, include: sdk, env: { WARPDRIVE_TEST_TRANSPORT: name } } } as const;
}

export default defineConfig({
  test: {
    // Processes and not threads: the FFI library is safe in one thread of a process only.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    projects: [
      { extends: true, test: { name: 'fast-path', include: ['test/**/*.test.ts'] } },
      overTransport('grpc'),
      overTransport('grpcs'),
    ],
  },
});
