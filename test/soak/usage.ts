// What a process uses, as /proc tells it. Of processes that forbid dumps, as the engine does, only root may read that.

import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

export interface Usage {
  /** Descriptors by what they stand for: a memory's name, 'socket' and the like. */
  readonly descriptors: ReadonlyMap<string, number>;
  /** Of shared memory. */
  readonly mappings: number;
  /** Of anything. */
  readonly allMappings: number;
  /** Resident memory of its own, bytes: its heap, mostly. */
  readonly ownBytes: number;
  /** Memory of the memfds that it has open or mapped, bytes, whoever wrote it. */
  readonly sharedBytes: number;
}

const STAT_BLOCK_BYTES = 512;

export function usageOf(pid: number): Usage {
  const descriptors = new Map<string, number>();
  const shared = new Map<string, number>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const path = `/proc/${pid}/fd/${fd}`;
    let target: string;
    try {
      target = readlinkSync(path);
      const { ino, blocks } = statSync(path);
      if (target.startsWith('/memfd:')) shared.set(String(ino), blocks * STAT_BLOCK_BYTES);
    } catch {
      // Closed since the folder was read.
      continue;
    }
    const kind = target.replace(/:\[.*/, '').replace(/ \(deleted\)$/, '');
    descriptors.set(kind, (descriptors.get(kind) ?? 0) + 1);
  }
  const maps = readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n');
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return {
    descriptors,
    mappings: maps.filter((line) => line.includes('/memfd:')).length,
    allMappings: maps.length,
    ownBytes: Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1]) * 1024,
    sharedBytes: [...shared.values()].reduce((sum, bytes) => sum + bytes, 0),
  };
}
