// The guests: what each is made of, and which tests run in it. Guests run side by side, the tests in one of them one
// after the other.

export interface Suite {
  readonly name: string;
  /** Files in test/vm/guest. */
  readonly files: readonly string[];
  readonly hasIommu: boolean;
  /** QEMU's options. */
  readonly devices: readonly string[];
}

/** All 64 address bits: by itself the device would cut an address to 28. */
const edu = ['-device', 'edu,dma_mask=0xffffffffffffffff'];

/** As many guests as a small host has processors: starting one costs more than most of its tests. */
export const suites: readonly Suite[] = [
  {
    name: 'custodian',
    files: ['module.guest.ts', 'custodian.guest.ts', 'modes.guest.ts', 'regions.guest.ts'],
    hasIommu: true,
    devices: edu,
  },
  { name: 'queues', files: ['port.guest.ts', 'direct.guest.ts'], hasIommu: true, devices: edu },
];
