// The memory of a channel, as the broker makes it: sealed, and with its header written.

import { channelGeometry, formatChannel } from '../../shared/channel/layout.ts';
import type { Fd } from '../../sys/fd.ts';
import { createSealedMemory, mapShared } from '../../sys/memory.ts';

/** Ready for the client and the engine. The caller closes it. */
export function createChannelMemory(slots: number): Fd {
  const geometry = channelGeometry(slots);
  const memory = createSealedMemory('warpdrive-channel', geometry.totalBytes);
  try {
    const mapping = mapShared(memory, geometry.totalBytes);
    formatChannel(mapping.words(), geometry);
    mapping.unmap();
    return memory;
  } catch (error) {
    memory.close();
    throw error;
  }
}
