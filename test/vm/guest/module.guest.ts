// The kernel module by itself: what it shows in sysfs.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadEdu } from './modules.ts';

const parent = '/sys/class/spimdev/wd_edu0/device';

function read(...path: string[]): string {
  return readFileSync(join(parent, ...path), 'utf8').trim();
}

beforeAll(() => loadEdu({ queues: 5, reserve: 2 }));

describe('the parent in sysfs', () => {
  it('shows its abilities, and a type for each algorithm that counts queues', () => {
    expect(read('params/iommu_type')).toBe('3');
    expect(read('params/dma_flag')).toBe('1');
    const types = readdirSync(join(parent, 'mdev_supported_types')).sort();
    expect(types).toEqual(['wd_edu-copy', 'wd_edu-factorial']);
    for (const type of types) {
      expect(read('mdev_supported_types', type, 'available_instances')).toBe('3');
      expect(read('mdev_supported_types', type, 'device_api')).toBe('wd_edu_v1');
    }
  });
});
