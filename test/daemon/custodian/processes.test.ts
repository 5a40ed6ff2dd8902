import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identifyProcess } from '../../../src/daemon/custodian/processes.ts';

let root: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'warpdrive-proc-'));
});
afterAll(() => rmSync(root, { recursive: true }));

/** A process as /proc would tell it. */
function put(pid: number, cgroup: string): void {
  const folder = join(root, 'proc', String(pid));
  mkdirSync(folder, { recursive: true });
  const fields = Array.from({ length: 49 }, (_, index) => (index === 18 ? '4711' : '0'));
  writeFileSync(join(folder, 'stat'), `${pid} (a (strange) name) S ${fields.join(' ')}\n`);
  writeFileSync(join(folder, 'status'), 'Name:\ta\nUid:\t1\t2\t1\t2\nGid:\t100\t101\t102\t103\n');
  writeFileSync(join(folder, 'cgroup'), cgroup);
}

describe('a process is identified', () => {
  it('by its start, its command, its users and its control group', () => {
    put(10, '0::/system.slice/nightly.service\n');
    expect(identifyProcess(10, root)).toEqual({
      startTicks: '4711',
      command: 'a (strange) name',
      uids: [1, 2],
      cgroup: '/system.slice/nightly.service',
    });
  });

  it('in a hybrid hierarchy by the group that the manager of the system keeps', () => {
    put(11, '12:cpu:/a\n1:name=systemd:/system.slice/x:y.service\n0::/\n');
    expect(identifyProcess(11, root)).toMatchObject({ cgroup: '/system.slice/x:y.service' });
  });

  it('without a control group where it has none', () => {
    put(12, '');
    expect(identifyProcess(12, root)?.cgroup).toBeUndefined();
  });

  it('not at all if it is gone', () => {
    expect(identifyProcess(13, root)).toBeUndefined();
  });

  it('as this one: what /proc says of it is understood', () => {
    const self = identifyProcess(process.pid);
    expect(self?.uids).toEqual([process.geteuid?.()]);
    expect(self?.startTicks).toMatch(/^\d+$/);
  });
});
