// What a SPIMDEV kernel and user space say to each other about queues and DMA: numbers of RFC v1, and of this project's
// kernel module where a current VFIO needs more. A test compares them with the C compiler's.

import { declareLayout } from '../../shared/layout.ts';
import { ioctlRequest } from '../../sys/ioctl.ts';

/** struct vfio_spimdev_dma: `flags` are VFIO's. */
export const spimdevDmaLayout = declareLayout('vfio_spimdev_dma', 24, {
  argsz: [0, 4, 'either', 'size of this struct'],
  flags: [4, 4, 'either', 'what the device may do'],
  iova: [8, 8, 'either', 'where the device sees it'],
  size: [16, 8, 'either', 'bytes, whole pages'],
});

export const spimdevIoctls = {
  /** On the mdev's device: takes a hardware queue, returns its descriptor. RFC v1. */
  VFIO_SPIMDEV_CMD_GET_Q: ioctlRequest('none', 'W', 1),
  /** On the mdev's device: makes a range that VFIO knows reachable for the parent. Ours; elsewhere ENOTTY. */
  VFIO_SPIMDEV_CMD_MAP_DMA: ioctlRequest('write', 'W', 16, spimdevDmaLayout.bytes),
  /** On a queue: stops it for all who hold it. Ours. */
  VFIO_SPIMDEV_CMD_STOP_Q: ioctlRequest('none', 'W', 17),
} as const;

/** Regions of a queue: page offset of mmap, modulo 16. */
export const REGION_DOORBELL = 0;
export const REGION_MEMORY = 1;

/** The doorbell page: the submission queue's tail, the completion queue's head; 32 bits each. */
export const DOORBELL_SQ_TAIL_OFFSET = 0;
export const DOORBELL_CQ_HEAD_OFFSET = 64;

/** The last word of a queue's memory. */
export const queueStates = ['running', 'stopped', 'reset', 'gone'] as const;
export type QueueState = (typeof queueStates)[number];

/** Bits of a parent's `dma_flag`. */
export const DMA_FLAG = {
  /** Without PASIDs: what is mapped can be reached from every queue of the parent. */
  singleProcess: 1,
  /** Each opener has mappings of its own. */
  multiProcess: 2,
  /** Shared virtual addressing: the device walks the page tables of whoever opened the queue. */
  sva: 4,
  /** The same, but the device takes no page faults: memory must be locked. */
  svaNoFault: 8,
  /** Addresses are physical. */
  physical: 16,
  /** openEuler: scatter-gather lists. */
  scatterGather: 32,
} as const;
