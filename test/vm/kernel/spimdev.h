/* SPDX-License-Identifier: GPL-2.0 */
/* SPIMDEV: a Share Parent IOMMU Mediated Device, as a parent's driver sees it. */
#ifndef SPIMDEV_H
#define SPIMDEV_H

#include <linux/iommu.h>
#include <linux/kref.h>
#include <linux/mdev.h>
#include <linux/mutex.h>
#include <linux/wait.h>

#include "spimdev_abi.h"

#define SPIMDEV_QUEUES_MAX	64
#define SPIMDEV_TYPES_MAX	4
#define SPIMDEV_SQE_BYTES_MAX	128
#define SPIMDEV_CQE_BYTES_MAX	64

struct spimdev_queue;

/*
 * The format of a parent's queues, and how it runs one entry. @execute is
 * called from a thread of the framework, for one entry of the parent at a time;
 * @sqe is a private copy. It fills in @cqe but for phase and sq_head, which
 * @finish writes, and may sleep. It gives up when spimdev_is_stopped() says so.
 */
struct spimdev_ops {
	const char *device_api;
	u32 entries;
	u32 sqe_bytes;
	u32 cqe_bytes;
	u32 cq_offset;
	u32 phase_offset;
	u32 memory_bytes;
	void (*execute)(struct spimdev_queue *queue, const void *sqe, void *cqe);
	void (*fail)(const void *sqe, void *cqe);
};

struct spimdev_config {
	const char *const *algorithms;	/* one mdev type each */
	u32 nr_algorithms;
	u32 queues;
	u32 reserve;			/* kept back for the kernel */
	u32 dma_flag;
	bool noiommu;
};

struct spimdev;

/* The parent's drvdata is what this returns. */
struct spimdev *spimdev_register(struct device *dev,
				 const struct spimdev_ops *ops,
				 const struct spimdev_config *config,
				 struct mdev_driver *mdev_driver, void *priv);
void spimdev_unregister(struct spimdev *spimdev);
void *spimdev_priv(struct spimdev_queue *queue);

int spimdev_mdev_probe(struct mdev_device *mdev);
void spimdev_mdev_remove(struct mdev_device *mdev);
unsigned int spimdev_get_available(struct mdev_type *type);

bool spimdev_is_stopped(struct spimdev_queue *queue);

/* Whether the parent may reach [iova, iova + bytes) for this queue now. */
bool spimdev_is_mapped(struct spimdev_queue *queue, u64 iova, u32 bytes);

/*
 * Takes the mapping away that begins at an address or goes on there, though
 * nobody has unmapped it, if debugfs says so.
 */
void spimdev_lose_mapping(struct spimdev_queue *queue, u64 iova);

/* Changes whenever something is unmapped from where the queue's DMA goes. */
u32 spimdev_unmaps(struct spimdev_queue *queue);

#endif
