// What the kernel lets one process have, over all tenants.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Host, readHostLimits } from '../../../src/daemon/broker/host.ts';

describe('the limits of the host', () => {
  it('are read from the kernel, and assumed where they are hidden', () => {
    expect(readHostLimits().descriptors).toBeGreaterThan(100);
    expect(readHostLimits().mappings).toBeGreaterThan(1_000);
    const root = mkdtempSync(join(tmpdir(), 'warpdrive-test-'));
    mkdirSync(join(root, 'proc/self'), { recursive: true });
    writeFileSync(
      join(root, 'proc/self/limits'),
      'Max open files            4096                 8192     files\n',
    );
    expect(readHostLimits(root)).toEqual({ descriptors: 4096, mappings: 65_530 });
    rmSync(root, { recursive: true });
  });

  it('refuse the channel or region that would use the last descriptors, and take it after a release', () => {
    const host = new Host({ descriptors: 1_024 + 5, mappings: 65_530 });
    const channels = [host.takeChannel(), host.takeChannel()];
    const region = host.takeRegion();
    expect(() => host.takeRegion()).toThrow('may have 1029 descriptors, and all its tenants use 5');
    expect(() => host.takeChannel()).toThrow(expect.objectContaining({ code: 'QUOTA_EXCEEDED' }));
    region.release();
    expect(() => host.takeChannel()).toThrow('LimitNOFILE=');
    host.takeRegion();
    channels[0]?.release();
    host.takeChannel();
  });

  it('refuse what would use the last mappings', () => {
    const host = new Host({ descriptors: 100_000, mappings: 1_024 + 7 });
    host.takeRegion();
    host.takeRegion();
    expect(() => host.takeRegion()).toThrow('vm.max_map_count');
    host.takeChannel();
  });
});
