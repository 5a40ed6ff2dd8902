/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What user space and a SPIMDEV kernel say to each other, beyond <linux/vfio.h>.
 *
 * GET_Q is RFC v1's. The two others are this module's own: a current VFIO only
 * records the ranges of a container whose devices are all mediated, so mapping
 * them for the parent is a call of its own; and a queue that was handed out
 * can be stopped by whoever holds another descriptor of it.
 */
#ifndef SPIMDEV_ABI_H
#define SPIMDEV_ABI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* On the mdev's device fd. The argument is 0; returns the fd of a queue. */
#define VFIO_SPIMDEV_CMD_GET_Q		_IO('W', 1)

/*
 * On the mdev's device fd, after VFIO_IOMMU_MAP_DMA of the range: pins its
 * pages and maps them for the parent, at the same addresses. Undone by
 * VFIO_IOMMU_UNMAP_DMA, and when the device is closed.
 */
struct vfio_spimdev_dma {
	__u32 argsz;
	__u32 flags;		/* VFIO_DMA_MAP_FLAG_READ, _WRITE: what the device may do */
	__u64 iova;
	__u64 size;
};

#define VFIO_SPIMDEV_CMD_MAP_DMA	_IOW('W', 16, struct vfio_spimdev_dma)

/* On a queue fd: nothing that its holders write has an effect any more. */
#define VFIO_SPIMDEV_CMD_STOP_Q		_IO('W', 17)

/* Regions of a queue fd: page offset of mmap, modulo 16. */
#define SPIMDEV_REGION_DOORBELL		0
#define SPIMDEV_REGION_MEMORY		1

/* The doorbell page: free-running indices, each written by one 32-bit store. */
#define SPIMDEV_DOORBELL_SQ_TAIL	0
#define SPIMDEV_DOORBELL_CQ_HEAD	64

/* The last word of the queue's memory. */
#define SPIMDEV_STATE_RUNNING		0
#define SPIMDEV_STATE_STOPPED		1
#define SPIMDEV_STATE_RESET		2
#define SPIMDEV_STATE_GONE		3

/* dma_flag of a parent. */
#define SPIMDEV_DMA_SINGLE_PROC_MAP	1
#define SPIMDEV_DMA_MULTI_PROC_MAP	2
#define SPIMDEV_DMA_SVM			4
#define SPIMDEV_DMA_SVM_NO_FAULT	8
#define SPIMDEV_DMA_PHY			16

/*
 * device_api "wd_edu_v1": 64 submission entries at 0, 64 completion entries at
 * 4096, 8192 bytes in all. The phase of a completion entry is 1 in the first
 * round, 0 in the second, and so on; it is written last.
 */
#define WD_EDU_ENTRIES			64
#define WD_EDU_CQ_OFFSET		4096
#define WD_EDU_MEMORY_BYTES		8192

#define WD_EDU_OP_COPY			1
#define WD_EDU_OP_FACTORIAL		2

#define WD_EDU_COPY_BYTES_MAX		65536

#define WD_EDU_STATUS_OK		0
#define WD_EDU_STATUS_BAD_ENTRY		1
#define WD_EDU_STATUS_DMA_FAULT		2
#define WD_EDU_STATUS_DEVICE_ERROR	3

struct wd_edu_sqe {
	__u32 opcode;
	__u32 tag;
	__u64 source;
	__u64 destination;
	__u32 bytes;
	__u32 operand;
	__u32 reserved[8];
};

struct wd_edu_cqe {
	__u32 tag;
	__u32 status;
	__u32 produced;
	__u32 result;
	__u32 nanos;
	__u32 sq_head;
	__u32 reserved;
	__u32 phase;
};

#endif
