// The machine that is measured on: figures say little without it, and nothing when others keep it busy.

import { cpus, loadavg } from 'node:os';

export interface Host {
  readonly processor: string;
  readonly cores: number;
  readonly node: string;
  /** Of the last minute, before the first round. */
  readonly loadAverage: number;
}

export function describeHost(): Host {
  const processors = cpus();
  return {
    processor: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    node: process.version,
    loadAverage: loadavg()[0] ?? 0,
  };
}

/** Whether so much else runs that spinning processes have to share cores: latencies then mean nothing. */
export function isBusy({ cores, loadAverage }: Host): boolean {
  return loadAverage > cores / 2;
}
