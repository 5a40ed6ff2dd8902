// How a parent's DMA is kept to what was mapped for it, by its `dma_flag`; and what follows from that for tenants.

import { DMA_FLAG } from './abi.ts';
import type { Parent } from './parents.ts';
import { unusable } from './sysfs.ts';

/** VFIO's number for containers without an IOMMU, <linux/vfio.h>. */
const VFIO_NOIOMMU_IOMMU = 8;

export type MemoryMode =
  /** Each mdev has mappings of its own. */
  | 'per-process'
  /** What is mapped can be reached from every queue of the parent. */
  | 'single-process'
  /** No IOMMU: every address of the machine can be reached. */
  | 'physical';

/**
 * The mode in which a parent is used. SVA is not: such a queue reaches all memory of the process that opened it, which
 * is the custodian. Throws DEVICE_UNUSABLE where that leaves nothing, or only what the administrator has not allowed.
 */
export function memoryModeOf(
  { name, dmaFlag, iommuType }: Parent,
  options: { readonly allowNoiommu: boolean },
): MemoryMode {
  const operation = `use the memory mode of "${name}"`;
  const isPhysical = (dmaFlag & DMA_FLAG.physical) !== 0 || iommuType === VFIO_NOIOMMU_IOMMU;
  if (isPhysical && options.allowNoiommu) return 'physical';
  if (isPhysical) {
    const found = 'it has no IOMMU: its queues reach all memory of this machine';
    throw unusable(operation, found, 'turn the IOMMU on, or set allow_noiommu = true if you accept that');
  }
  if ((dmaFlag & DMA_FLAG.multiProcess) !== 0) return 'per-process';
  if ((dmaFlag & DMA_FLAG.singleProcess) !== 0) return 'single-process';
  const found = `dma_flag is ${dmaFlag}: ${hasSva(dmaFlag) ? 'nothing but SVA' : 'no mode that is known'}`;
  throw unusable(operation, found, 'the device has to offer mappings, for one process or for several');
}

/** Whether the parent can walk page tables of processes. Read and shown; see `memoryModeOf`. */
export function hasSva(dmaFlag: number): boolean {
  return (dmaFlag & (DMA_FLAG.sva | DMA_FLAG.svaNoFault)) !== 0;
}

/**
 * Why a queue of the parent can't be handed to a tenant; undefined if it can. The holder of a queue writes its own
 * addresses: whatever the parent can reach for it has to be that tenant's alone.
 */
export function directRefusal(
  mode: MemoryMode,
  options: { readonly isOneTenantOnly: boolean; readonly isStoppable: boolean },
): string | undefined {
  if (mode === 'physical') return 'without an IOMMU its holder would reach all memory of this machine';
  if (mode === 'single-process' && !options.isOneTenantOnly) {
    return "the device doesn't separate those who use it, and it isn't this tenant's alone";
  }
  if (!options.isStoppable) return "the kernel can't stop it again";
  return undefined;
}
