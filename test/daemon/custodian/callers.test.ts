// Who may ask the custodian for what, by the user at the other end.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { custodianContract } from '../../../src/daemon/contracts.ts';
import { callersByUid, contractFor } from '../../../src/daemon/custodian/callers.ts';
import { type Handlers, Link } from '../../../src/daemon/link.ts';
import { connectLink, LinkServer } from '../../../src/daemon/link-sockets.ts';

const folder = mkdtempSync(join(tmpdir(), 'warpdrive-test-'));
const ownUid = process.getuid?.() ?? 0;
let server: LinkServer | undefined;
const accepted: { close(reason: string): void }[] = [];

afterEach(() => {
  for (const link of accepted.splice(0)) link.close('done');
  server?.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Serves the calls of the contract that `uids` leave to this process; returns a link from it. */
async function connect(uids: { brokerUid: number | undefined; engineUid: number | undefined }) {
  const callers = callersByUid(uids);
  const handlers = { giveBack: () => ({}), identify: () => ({ process: null }) };
  server = await LinkServer.listen(join(folder, 'sock'), new Set(callers.keys()), (sockets, uid) => {
    const serves = contractFor(callers.get(uid) ?? []);
    accepted.push(
      new Link('peer', sockets, { serves, calls: {} }, handlers as unknown as Handlers<typeof serves>),
    );
  });
  const sockets = await connectLink(join(folder, 'sock'));
  return new Link('custodian', sockets, { serves: {}, calls: custodianContract }, {});
}

describe('a peer of the custodian', () => {
  it('that runs as the user of the broker may ask who a process is, and gets nothing out of the vault', async () => {
    const link = await connect({ brokerUid: ownUid, engineUid: ownUid + 1 });
    expect(await link.call('identify', { pid: 1 })).toEqual({ process: null });
    await expect(link.call('giveBack', {})).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    expect(link.isOpen).toBe(false);
  });

  it('that runs as the user of the engine may have the vault, and asks after nobody', async () => {
    const link = await connect({ brokerUid: ownUid + 1, engineUid: ownUid });
    expect(await link.call('giveBack', {})).toEqual({});
    await expect(link.call('identify', { pid: 1 })).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
  });

  it('that runs as anybody else is cut off', async () => {
    const link = await connect({ brokerUid: ownUid + 1, engineUid: ownUid + 2 });
    await expect(link.call('identify', { pid: 1 })).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
  });

  it('may make all calls where all run as one user', async () => {
    const link = await connect({ brokerUid: undefined, engineUid: undefined });
    expect(await link.call('identify', { pid: 1 })).toEqual({ process: null });
    expect(await link.call('giveBack', {})).toEqual({});
    link.close('done');
  });
});
