// Waiting for descriptors outside of the event loop's reach.

import { describe, expect, it } from 'vitest';
import { closeAll, type Fd } from '../../src/sys/fd.ts';
import { fdWatcher } from '../../src/sys/fd-watcher.ts';
import { createSocketPair, receiveWithFds, sendWithFds } from '../../src/sys/socket.ts';

function armed(fd: Fd): Promise<void> {
  return new Promise((resolve) => {
    fdWatcher.arm(fd.number, resolve);
  });
}

function ring(fd: Fd): void {
  sendWithFds(fd.number, Buffer.of(1), []);
}

describe('a watcher', () => {
  it('calls once for each time that it was armed, for each descriptor by itself', async () => {
    const pairs = Array.from({ length: 3 }, () => createSocketPair('packets', 'watched'));
    const calls = [0, 0, 0];
    const both = pairs.map(async ([, theirs], index) => {
      await armed(theirs);
      calls[index] = (calls[index] ?? 0) + 1;
    });
    ring((pairs[1] as [Fd, Fd])[0]);
    await both[1];
    expect(calls).toEqual([0, 1, 0]);
    // Unread, but nobody has armed it again.
    ring((pairs[2] as [Fd, Fd])[0]);
    await both[2];
    expect(calls).toEqual([0, 1, 1]);
    // Armed while a poll is under way, and readable already.
    await armed((pairs[1] as [Fd, Fd])[1]);
    (pairs[0] as [Fd, Fd])[0].close();
    await both[0];
    closeAll(pairs.flat());
  });

  it('calls nobody who has been forgotten', async () => {
    const [ours, theirs] = createSocketPair('packets', 'watched');
    let calls = 0;
    fdWatcher.arm(theirs.number, () => {
      calls += 1;
    });
    fdWatcher.forget(theirs.number);
    ring(ours);
    await armed(theirs);
    expect(calls).toBe(0);
    expect(receiveWithFds(theirs.number, 'the ring')).not.toBe('empty');
    closeAll([ours, theirs]);
  });
});
