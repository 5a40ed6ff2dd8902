import { writeSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Doorbell } from '../../src/sys/doorbell.ts';
import { createSealedMemory, mapShared, PAGE_BYTES } from '../../src/sys/memory.ts';
import { createSocketPair } from '../../src/sys/socket.ts';

interface Heard {
  readonly rings: { bytes: number; isClean: boolean }[];
  readonly hungUp: Promise<void>;
}

function listen(): { doorbell: Doorbell; peer: ReturnType<typeof createSocketPair>[1]; heard: Heard } {
  const [ours, peer] = createSocketPair('stream', 'doorbell');
  const rings: Heard['rings'] = [];
  let onHungUp: () => void = () => {};
  const hungUp = new Promise<void>((resolve) => {
    onHungUp = resolve;
  });
  const events = {
    onRing: (bytes: number, isClean: boolean) => rings.push({ bytes, isClean }),
    onHangUp: () => onHungUp(),
  };
  return { doorbell: new Doorbell(ours, events), peer, heard: { rings, hungUp } };
}

describe('a doorbell', () => {
  it('tells how many bytes were waiting, and whether they were rings', async () => {
    const { doorbell, peer, heard } = listen();
    writeSync(peer.number, Buffer.of(1, 1));
    await expect.poll(() => heard.rings).toEqual([{ bytes: 2, isClean: true }]);
    writeSync(peer.number, Buffer.of(1, 9));
    await expect.poll(() => heard.rings[1]).toEqual({ bytes: 2, isClean: false });
    doorbell.close();
    peer.close();
  });

  it('drops rings when the peer does not listen, and blocks until rung, hung up or the time is up', async () => {
    const { doorbell, peer, heard } = listen();
    for (let count = 0; count < 5_000; count++) doorbell.ring();
    expect(doorbell.wait(5)).toBe('timeout');
    writeSync(peer.number, Buffer.of(1));
    expect(doorbell.wait(5_000)).toBe('rung');
    peer.close();
    expect(doorbell.wait(5_000)).toBe('gone');
    await heard.hungUp;
    expect(doorbell.wait(5_000)).toBe('gone');
  });

  it('never writes to the number of its descriptor once that is closed, whatever has the number by then', async () => {
    const { doorbell, peer, heard } = listen();
    // Unread bytes make the close of the peer a reset, at which the socket closes itself in the middle of a turn.
    doorbell.ring();
    peer.close();
    const memories = [];
    const state = { isHungUp: false };
    void heard.hungUp.then(() => {
      state.isHungUp = true;
    });
    while (!state.isHungUp) {
      // Takes the number as soon as it is free.
      const memory = createSealedMemory('innocent', PAGE_BYTES);
      memories.push(memory);
      doorbell.ring();
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const memory of memories) {
      const mapping = mapShared(memory, PAGE_BYTES);
      expect(mapping.buffer.every((byte) => byte === 0)).toBe(true);
      mapping.unmap();
      memory.close();
    }
  });
});
