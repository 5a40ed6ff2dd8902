// Links between the daemon's processes, here within one process: pairing, and peers that are gone.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { engineContract } from '../../src/daemon/contracts.ts';
import { Link, type LinkSockets } from '../../src/daemon/link.ts';
import { connectLink, LinkServer } from '../../src/daemon/link-sockets.ts';
import { WarpError } from '../../src/shared/errors.ts';
import { closeAll, type Fd, openFds } from '../../src/sys/fd.ts';
import { createSealedMemory, mapShared } from '../../src/sys/memory.ts';
import { eventually } from '../fixtures/daemon.ts';

const contracts = { serves: {}, calls: engineContract };
let folder: string;
let server: LinkServer;
let accepted: LinkSockets[];
let connected: LinkSockets[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'warpdrive-test-'));
  accepted = [];
  connected = [];
  const uids = new Set([process.getuid?.() ?? 0]);
  server = await LinkServer.listen(join(folder, 'sock'), uids, (sockets) => accepted.push(sockets));
});

afterEach(() => {
  for (const { control, fds } of [...accepted, ...connected]) {
    control.destroy();
    fds.close();
  }
  server.close();
  rmSync(folder, { recursive: true });
});

async function connect(): Promise<LinkSockets> {
  const sockets = await connectLink(join(folder, 'sock'));
  connected.push(sockets);
  return sockets;
}

describe('a link', () => {
  it('comes to be for each of several peers that connect at once', async () => {
    await Promise.all(Array.from({ length: 8 }, connect));
    await eventually('all are paired', () => accepted.length === 8);
    expect(connected.some(({ control }) => control.destroyed)).toBe(false);
  });

  it('whose peer is gone when descriptors are sent ends, and says that the peer is gone', async () => {
    const link = new Link('engine', await connect(), contracts, {});
    await eventually('it is paired', () => accepted.length === 1);
    accepted[0]?.fds.close();
    const memory = createSealedMemory('test', 4096);
    const region = { channel: 1, region: 1, bytes: 4096 };
    await expect(link.call('addRegion', region, [memory])).rejects.toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
    });
    expect(link.isOpen).toBe(false);
    memory.close();
  });

  it('brings descriptors back with answers, to each call its own, also to calls that wait long', async () => {
    const { near, far, wait } = await pair();
    const first = near.callForFds('take', { name: 'slow' });
    const second = await near.callForFds('take', { name: 'quick' });
    expect(second.reply).toEqual({ name: 'quick' });
    expect(second.fds.map(({ label }) => label)).toHaveLength(1);
    wait.resolve();
    const { reply, fds } = await first;
    expect(reply).toEqual({ name: 'slow' });
    expect(contentOf(fds)).toBe('slow');
    expect(contentOf(second.fds)).toBe('quick');
    closeAll([...fds, ...second.fds]);
    near.close('done');
    far.close('done');
  });

  it('brings as many as the answer has, up to the most that the contract allows', async () => {
    const { near, far } = await pair();
    const { fds } = await near.callForFds('take', { name: 'two' });
    expect(fds.map((fd) => contentOf([fd]))).toEqual(['two', 'two']);
    closeAll(fds);
    await expect(near.callForFds('take', { name: 'three' })).rejects.toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
    });
    // Who sends more is not to be understood.
    expect(near.isOpen).toBe(false);
    far.close('done');
    await eventually('all are closed', () => !openFds().has('take') && !openFds().has('memory'));
  });

  it('passes on why a call was refused that would have brought descriptors, and goes on', async () => {
    const { near, far } = await pair();
    await expect(near.callForFds('take', { name: 'none' })).rejects.toMatchObject({
      code: 'NO_HARDWARE_QUEUE',
    });
    const { fds } = await near.callForFds('take', { name: 'next' });
    expect(contentOf(fds)).toBe('next');
    closeAll(fds);
    near.close('done');
    far.close('done');
  });

  it('closes descriptors of an answer that nobody waits for any more', async () => {
    const { near, far, wait } = await pair();
    const before = openFds().get('memory') ?? 0;
    const lost = near.callForFds('take', { name: 'slow' });
    near.close('gone');
    await expect(lost).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    wait.resolve();
    await eventually('they are closed', () => (openFds().get('memory') ?? 0) === before);
    far.close('done');
  });
});

describe('calls with descriptors that wait long', () => {
  /** More than fit into the socket that carries them. */
  const MANY = 300;

  it('leave room for others', async () => {
    const { near, far, wait } = await pair();
    const memory = createSealedMemory('given', 4096);
    const patient = Array.from({ length: MANY }, () => near.call('give', { name: 'slow' }, [memory]));
    await near.call('give', { name: 'quick' }, [memory]);
    const asked = Array.from({ length: MANY }, () => near.callForFds('take', { name: 'slow' }));
    closeAll((await near.callForFds('take', { name: 'quick' })).fds);
    wait.resolve();
    await Promise.all(patient);
    for (const { fds } of await Promise.all(asked)) closeAll(fds);
    expect(near.isOpen && far.isOpen).toBe(true);
    memory.close();
    near.close('done');
    far.close('done');
  });

  it('wait for room no longer than for their answer, and are not sent after that', async () => {
    const near = new Link('far', await connect(), { serves: {}, calls: handing }, {});
    await eventually('it is paired', () => accepted.length === 1);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const memory = createSealedMemory('given', 4096);
    const late = Array.from({ length: MANY }, () => near.call('hand', { name: 'late' }, [memory]));
    const outcomes = Promise.allSettled(late);
    vi.runOnlyPendingTimers();
    vi.useRealTimers();
    const codes = (await outcomes).map((outcome) => 'reason' in outcome && outcome.reason.code);
    expect(codes).toEqual(late.map(() => 'DEADLINE_EXCEEDED'));
    const names: string[] = [];
    const far = new Link(
      'near',
      accepted[0] as LinkSockets,
      { serves: handing, calls: {} },
      {
        hand: ({ name }, fds) => {
          names.push(name);
          closeAll(fds);
          return {};
        },
      },
    );
    await near.call('hand', { name: 'next' }, [memory]);
    expect(names.at(-1)).toBe('next');
    expect(names.length).toBeLessThan(MANY);
    memory.close();
    near.close('done');
    far.close('done');
  });

  it('end with the link, whether they were sent or not', async () => {
    const { near, far, wait } = await pair();
    const memory = createSealedMemory('given', 4096);
    const calls = Array.from({ length: MANY }, () => near.call('give', { name: 'slow' }, [memory]));
    near.close('done');
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map(({ status }) => status)).toEqual(outcomes.map(() => 'rejected'));
    wait.resolve();
    far.close('done');
    memory.close();
    await eventually('all are closed', () => !openFds().has('given') && !openFds().has('give'));
  });
});

/** Answered in time, or not at all. */
const handing = {
  hand: {
    request: z.strictObject({ name: z.string() }),
    reply: z.strictObject({}),
    fds: 1,
  },
} as const;

const taking = {
  give: {
    request: z.strictObject({ name: z.string() }),
    reply: z.strictObject({}),
    fds: 1,
    isPatient: true,
  },
  take: {
    request: z.strictObject({ name: z.string() }),
    reply: z.strictObject({ name: z.string() }),
    fds: 0,
    replyFds: 1,
    replyFdsMax: 2,
    isPatient: true,
  },
} as const;

/** Two ends of a link, of which the far one answers 'slow' when it is told to. */
async function pair() {
  const sockets = await connect();
  await eventually('it is paired', () => accepted.length === 1);
  const near = new Link('far', sockets, { serves: {}, calls: taking }, {});
  let resolve = (): void => {};
  const waited = new Promise<void>((done) => {
    resolve = done;
  });
  const far = new Link(
    'near',
    accepted[0] as LinkSockets,
    { serves: taking, calls: {} },
    {
      give: async ({ name }, fds) => {
        if (name === 'slow') await waited;
        closeAll(fds);
        return {};
      },
      take: async ({ name }) => {
        if (name === 'none') throw new WarpError('NO_HARDWARE_QUEUE', { operation: 'take' });
        if (name === 'slow') await waited;
        const memory = createSealedMemory('memory', 4096);
        const mapping = mapShared(memory, 4096);
        mapping.buffer.write(name);
        mapping.unmap();
        const count = { two: 2, three: 3 }[name] ?? 1;
        const more = Array.from({ length: count - 1 }, () => memory.dup());
        return { reply: { name }, fds: [memory, ...more] };
      },
    },
  );
  return { near, far, wait: { resolve: () => resolve() } };
}

function contentOf([memory]: readonly Fd[]): string {
  const mapping = mapShared(memory as Fd, 4096);
  const text = mapping.buffer.toString('latin1').replace(/\0.*$/s, '');
  mapping.unmap();
  return text;
}
