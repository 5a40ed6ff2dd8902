import { defineConfig } from 'vitest/config';
import { longTests, shared } from './vitest.shared.ts';

/** The suite of the SDK, which runs once for each other way to the daemon. */
const sdk = ['test/client/{helpers*,queues}.test.ts', 'test/e2e/requests.test.ts'];

function overTransport(name: string) {
  return { extends: true, test: { name, include: sdk, env: { WARPDRIVE_TEST_TRANSPORT: name } } } as const;
}

/** What `npm run test:long` runs. */
export default defineConfig({
  test: {
    ...shared,
    projects: [
      { extends: true, test: { name: 'long', include: longTests } },
      overTransport('grpc'),
      overTransport('grpcs'),
    ],
  },
});
