// Processes that hold idle channels: the neighbours that nobody should notice.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Connections that one process holds well. */
const CHANNELS_EACH_MAX = 250;

export interface Crowd {
  readonly channels: number;
  /** Of each channel. */
  readonly slots: number;
  readonly queues: number;
  /** Each is another tenant, from this number on; for a daemon to which they can be declared. */
  readonly firstTenant?: number;
}

/** Starts processes that hold so many channels; resolves when they do. They end with this process, or when told. */
export async function holdChannels(runtimeDir: string, crowd: Crowd): Promise<{ end(): Promise<void> }> {
  const program = fileURLToPath(new URL('./clients/holder.js', import.meta.url));
  const holders: ChildProcess[] = [];
  for (let held = 0; held < crowd.channels; held += CHANNELS_EACH_MAX) {
    const channels = Math.min(CHANNELS_EACH_MAX, crowd.channels - held);
    const { slots, queues, firstTenant } = crowd;
    const tenants = firstTenant === undefined ? [] : [firstTenant + held];
    const holder = fork(program, [runtimeDir, ...[channels, slots, queues, ...tenants].map(String)]);
    holders.push(holder);
    await Promise.race([
      once(holder, 'message'),
      once(holder, 'exit').then(() => Promise.reject(new Error('a process that was to hold channels ended'))),
    ]);
  }
  const end = async (): Promise<void> => {
    for (const holder of holders) {
      holder.disconnect();
      if (holder.exitCode === null) await once(holder, 'exit');
    }
  };
  return { end };
}
