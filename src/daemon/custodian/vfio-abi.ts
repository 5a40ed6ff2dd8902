// VFIO's ioctls and structs, <linux/vfio.h>. A test compares them with the C compiler's.

import { declareLayout } from '../../shared/layout.ts';
import { ioctlRequest } from '../../sys/ioctl.ts';

const request = (number: number): number => ioctlRequest('none', ';', 100 + number);

export const vfioIoctls = {
  VFIO_GET_API_VERSION: request(0),
  VFIO_CHECK_EXTENSION: request(1),
  VFIO_SET_IOMMU: request(2),
  VFIO_GROUP_GET_STATUS: request(3),
  VFIO_GROUP_SET_CONTAINER: request(4),
  VFIO_GROUP_GET_DEVICE_FD: request(6),
  VFIO_DEVICE_RESET: request(11),
  VFIO_IOMMU_MAP_DMA: request(13),
  VFIO_IOMMU_UNMAP_DMA: request(14),
} as const;

export const vfioConstants = {
  VFIO_API_VERSION: 0,
  VFIO_TYPE1_IOMMU: 1,
  VFIO_TYPE1v2_IOMMU: 3,
  VFIO_NOIOMMU_IOMMU: 8,
  VFIO_GROUP_FLAGS_VIABLE: 1,
  VFIO_DMA_MAP_FLAG_READ: 1,
  VFIO_DMA_MAP_FLAG_WRITE: 2,
} as const;

export const groupStatusLayout = declareLayout('vfio_group_status', 8, {
  argsz: [0, 4, 'either', 'size of this struct'],
  flags: [4, 4, 'either', 'VIABLE'],
});

export const dmaMapLayout = declareLayout('vfio_iommu_type1_dma_map', 32, {
  argsz: [0, 4, 'either', 'size of this struct'],
  flags: [4, 4, 'either', 'READ, WRITE: what the device may do'],
  vaddr: [8, 8, 'either', 'address in this process'],
  iova: [16, 8, 'either', 'where the device sees it'],
  size: [24, 8, 'either', 'bytes, whole pages'],
});

export const dmaUnmapLayout = declareLayout('vfio_iommu_type1_dma_unmap', 24, {
  argsz: [0, 4, 'either', 'size of this struct'],
  flags: [4, 4, 'either', '0'],
  iova: [8, 8, 'either', 'begin of a range that was mapped'],
  size: [16, 8, 'either', 'its bytes; on return, what was unmapped'],
});
