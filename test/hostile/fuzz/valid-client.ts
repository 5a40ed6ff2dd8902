// A client that does everything right while others don't, and compares every byte that it gets. Runs until it is told to
// stop, then says what it has seen. Arguments: runtime folder, seed.

import { connect } from '../../../src/client/index.ts';
import { Bench, checks, type Findings } from './checks.ts';
import { Noise } from './noise.ts';

export interface ValidReport extends Findings {
  readonly connections: number;
}

const BENCHES = 2;
/** After so many requests a connection is closed and another opened. */
const REQUESTS_PER_CONNECTION = 4_000;
const ERRORS_MAX = 10;

const [runtimeDir = '', seed = ''] = process.argv.slice(2);
const noise = new Noise(Number(seed));
const findings: Findings = { requests: 0, errors: [] };
let connections = 0;
const told = new AbortController();
process.once('message', () => told.abort());

while (!told.signal.aborted && findings.errors.length < ERRORS_MAX) {
  await serveConnection().catch((error: unknown) => {
    findings.errors.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  });
}
const report: ValidReport = { ...findings, connections };
process.send?.(report, () => process.disconnect());

/** One connection from its opening to its end. */
async function serveConnection(): Promise<void> {
  // Nothing of the daemon dies: a connection that is lost is an error, and not to be mended in silence.
  const connection = await connect({ runtimeDir, slots: 64, timeoutMillis: 20_000, reconnectMillis: 0 });
  connections += 1;
  const until = findings.requests + REQUESTS_PER_CONNECTION;
  const work = async (): Promise<void> => {
    const bench = await Bench.open(connection, noise, findings);
    while (!told.signal.aborted && findings.requests < until && findings.errors.length < ERRORS_MAX)
      await noise.pick(checks)(bench);
    // Half of them leave that to the daemon.
    if (noise.below(2) === 0) await bench.release();
  };
  try {
    await Promise.all(Array.from({ length: BENCHES }, work));
  } finally {
    await connection.close();
  }
}
