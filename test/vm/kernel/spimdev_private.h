/* SPDX-License-Identifier: GPL-2.0 */
/*
 * SPIMDEV on a current kernel: mediated devices that share their parent's
 * IOMMU, whose hardware queues are taken one by one, by several processes.
 *
 *   parent (struct spimdev) --- slots: the hardware queues
 *     |                           ^
 *     +-- mdev (spimdev_mdev)     | while it runs
 *           |                     |
 *           +-- queue fd (spimdev_queue): doorbell page, SQ and CQ
 *
 * A thread of the parent watches the doorbell pages, as the hardware would, and
 * runs the entries. Nothing in memory that user space maps decides anything:
 * entries are copied before they are looked at, indices are masked.
 *
 * DMA: with SINGLE_PROC_MAP all mdevs map into one IOMMU domain, to which the
 * parent is attached for good: addresses collide, and everybody's memory can be
 * reached from every queue. With MULTI_PROC_MAP each mdev has a domain of its
 * own, which is put in place before an entry of its queues runs: what a PASID
 * does in hardware.
 *
 * Locks: spimdev->lock (slots and queues) inside mdev->lock (mappings).
 */
#ifndef SPIMDEV_PRIVATE_H
#define SPIMDEV_PRIVATE_H

#include <linux/platform_device.h>
#include <linux/vfio.h>

#include "spimdev.h"

struct spimdev_slot {
	struct spimdev_queue *queue;	/* NULL: free, unless the thread still runs it */
	bool busy;
};

struct spimdev {
	struct device *dev;
	struct device *class_dev;
	const struct spimdev_ops *ops;
	struct spimdev_config config;
	void *priv;
	int id;

	struct mdev_parent parent;
	struct mdev_type types[SPIMDEV_TYPES_MAX];
	struct mdev_type *type_pointers[SPIMDEV_TYPES_MAX];

	struct iommu_domain *domain;	/* the one that is attached */
	struct iommu_domain *shared;	/* with SINGLE_PROC_MAP */

	struct mutex lock;
	struct spimdev_slot slots[SPIMDEV_QUEUES_MAX];
	u32 taken;
	u32 next;
	struct task_struct *thread;
	wait_queue_head_t work;		/* the thread waits for queues */
	wait_queue_head_t idle;		/* others wait for the thread */

	struct dentry *debugfs;
	atomic_t stalls;
	atomic_t errors;
	atomic_t losses;
	bool neighbours;
};

struct spimdev_mdev {
	struct vfio_device vdev;	/* first: vfio_alloc_device */
	struct spimdev *spimdev;
	struct mutex lock;
	struct list_head mappings;
	struct iommu_domain *domain;	/* with MULTI_PROC_MAP */
	atomic_t unmaps;
	struct platform_device *neighbour;
};

struct spimdev_mapping {
	struct list_head node;
	u64 iova;
	u64 size;
};

struct spimdev_queue {
	struct kref ref;		/* the file; the slot */
	struct spimdev *spimdev;	/* valid while it has a slot */
	struct spimdev_mdev *mdev;	/* valid while it has a slot */
	int slot;			/* -1: stopped */
	bool stopped;
	bool stalled;
	u32 memory_bytes;
	void *memory;
	void *doorbell;
	u32 *state;
	u32 sq_head;
	u32 cq_tail;
	wait_queue_head_t wait;
};

/* queue.c: hardware queues and their descriptors. */
long spimdev_get_queue(struct spimdev_mdev *mdev, unsigned long arg);
void spimdev_stop_queues(struct spimdev *spimdev, struct spimdev_mdev *mdev,
			 u32 state);
bool spimdev_is_idle(struct spimdev *spimdev);
u32 spimdev_free_slots(struct spimdev *spimdev);
void spimdev_queue_put(struct spimdev_queue *queue);

/* dma.c: what the parent can reach. */
long spimdev_map_dma(struct spimdev_mdev *mdev, void __user *arg);
void spimdev_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length);
int spimdev_use_domain(struct spimdev *spimdev, struct iommu_domain *domain);

/* neighbour.c: a stranger in the group of an mdev. */
int spimdev_add_neighbour(struct spimdev_mdev *mdev, struct device *dev);
void spimdev_remove_neighbour(struct spimdev_mdev *mdev);
int spimdev_init_neighbours(void);
void spimdev_exit_neighbours(void);

/* thread.c: runs the entries. */
int spimdev_thread(void *data);

/* mdev.c: the VFIO device. */
static inline struct spimdev *spimdev_of_type(struct mdev_type *type)
{
	return container_of(type->parent, struct spimdev, parent);
}

#endif
