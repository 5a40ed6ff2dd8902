// What the kernel lets one process have, over all tenants.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Host, readHostLimits } from '../../../src/daemon/broker/host.ts';
import { type Configuration, configurationSchema } from '../../../src/daemon/config/schema.ts';

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
    const host = new Host({ descriptors: 1_024 + 5, mappings: 65_530 }, withDevices({}));
    const channels = [host.take('channel'), host.take('held channel')];
    const region = host.take('region');
    expect(() => host.take('region')).toThrow('may have 1029 descriptors, and all its tenants use 5');
    expect(() => host.take('channel')).toThrow(expect.objectContaining({ code: 'QUOTA_EXCEEDED' }));
    region.release();
    expect(() => host.take('channel')).toThrow('LimitNOFILE=');
    host.take('region');
    channels[0]?.release();
    host.take('channel');
  });

  const limits = { descriptors: 100_000, mappings: 1_024 + 7 };

  it('refuse what would use the last mappings of a worker, and lend what needs none there', () => {
    const host = new Host(limits, withDevices({}));
    host.take('region');
    host.take('region');
    expect(() => host.take('region')).toThrow('all tenants use 6 in the worker');
    expect(() => host.take('region')).toThrow('vm.max_map_count');
    host.take('channel');
  });

  it('count what the broker itself maps, for clients without shared memory', () => {
    const host = new Host(limits, withDevices({}));
    host.take('held channel');
    host.take('held region');
    expect(() => host.take('held channel')).toThrow('all tenants use 6 in the broker');
    host.take('channel');
    host.take('region');
  });

  it('count what the custodian maps for each hardware device, and the engine for each that copies', () => {
    const hardware = { driver: 'spimdev', parent: 'p', algorithm: 'copy' };
    const host = new Host(limits, withDevices({ a: hardware, b: hardware }));
    host.take('region');
    expect(() => host.take('region')).toThrow('all tenants use 6 in the custodian');
    const copying = { ...hardware, allow_noiommu: true };
    host.configure(withDevices({ a: copying }));
    host.take('region');
    for (let channel = 1; channel <= 5; channel++) host.take('channel');
    expect(() => host.take('channel')).toThrow('all tenants use 7 in the engine');
  });
});

function withDevices(devices: Readonly<Record<string, unknown>>): Configuration {
  return configurationSchema.parse({ devices });
}
