// Links between the daemon's processes, here within one process: pairing, and peers that are gone.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engineContract } from '../../src/daemon/contracts.ts';
import { Link, type LinkSockets } from '../../src/daemon/link.ts';
import { connectLink, LinkServer } from '../../src/daemon/link-sockets.ts';
import { createSealedMemory } from '../../src/sys/memory.ts';
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
});
