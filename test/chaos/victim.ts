// The daemon that a run is about, whoever starts its processes again.

import { startDaemon } from '../fixtures/daemon.ts';

export interface Victim {
  readonly runtimeDir: string;
  /** The process whose children the parts are. */
  readonly supervisor: number;
  /** What the parts have logged since the start, JSON lines. */
  readonly log: () => string;
  stop(): Promise<unknown>;
}

/** A daemon of its own, in a folder of its own. */
export async function startSupervised(configuration: string): Promise<Victim> {
  const daemon = await startDaemon(configuration);
  const { runtimeDir, process, log } = daemon;
  return { runtimeDir, supervisor: process.pid as number, log, stop: () => daemon.stop() };
}
