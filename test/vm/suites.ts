// The guests: what each is made of, and which tests run in it. Guests run side by side, the tests in one of them one
// after the other.

export interface Suite {
  readonly name: string;
  /** Files in test/vm/guest. */
  readonly files: readonly string[];
  /** Without one, its VFIO is built with VFIO_NOIOMMU. */
  readonly hasIommu: boolean;
  /** QEMU's options. */
  readonly devices: readonly string[];
}

/** All 64 address bits: by itself the device would cut an address to 28. */
const edu = ['-device', 'edu,dma_mask=0xffffffffffffffff'];

/** Files to run, of all: "daemon.guest.ts,direct.guest.ts". All by default. */
const ONLY_VARIABLE = 'WARPDRIVE_VM_ONLY';

/** Few guests: starting one costs more than most of its tests. */
const allSuites: readonly Suite[] = [
  {
    name: 'custodian',
    files: ['module.guest.ts', 'custodian.guest.ts', 'modes.guest.ts', 'regions.guest.ts'],
    hasIommu: true,
    devices: edu,
  },
  { name: 'queues', files: ['port.guest.ts', 'direct.guest.ts'], hasIommu: true, devices: edu },
  { name: 'daemon', files: ['daemon.guest.ts'], hasIommu: true, devices: edu },
  { name: 'refusals', files: ['refusals.guest.ts'], hasIommu: true, devices: edu },
  { name: 'noiommu', files: ['noiommu.guest.ts'], hasIommu: false, devices: edu },
  { name: 'lending', files: ['lending.guest.ts'], hasIommu: true, devices: edu },
];

function selected(): readonly Suite[] {
  const only = process.env[ONLY_VARIABLE]?.split(',');
  if (only === undefined) return allSuites;
  const known = allSuites.flatMap(({ files }) => files);
  const unknown = only.filter((file) => !known.includes(file));
  if (unknown.length > 0) throw new Error(`no ${unknown.join(', ')}; there are ${known.join(', ')}`);
  return allSuites
    .map((suite) => Object.assign({}, suite, { files: suite.files.filter((file) => only.includes(file)) }))
    .filter(({ files }) => files.length > 0);
}

export const suites = selected();
