// What both runs of the tests have in common, and which tests are the long ones.

/** They wait for real limits, kill processes again and again, or search exhaustively: `npm run test:long`. */
export const longTests = [
  'test/client/helpers-faults.test.ts',
  'test/e2e/{chaos,package,quarantine,races,recovery}.test.ts',
  'test/hostile/{fuzz,grpc,sockets}.test.ts',
  'test/model/*.test.ts',
  'test/simulation/*.test.ts',
  'test/systemd/roles.test.ts',
];

export const shared = {
  // Processes and not threads: the FFI library is safe in one thread of a process only.
  pool: 'forks',
  maxWorkers: 2,
  testTimeout: 120_000,
  hookTimeout: 120_000,
} as const;
