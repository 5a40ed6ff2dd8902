// SPDX-License-Identifier: GPL-2.0
/* The thread of a parent: watches the doorbell pages, runs the entries, completes them. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>

#include "spimdev_private.h"

bool spimdev_is_stopped(struct spimdev_queue *queue)
{
	return READ_ONCE(queue->stopped);
}
EXPORT_SYMBOL_GPL(spimdev_is_stopped);

void *spimdev_priv(struct spimdev_queue *queue)
{
	return queue->spimdev->priv;
}
EXPORT_SYMBOL_GPL(spimdev_priv);

static bool queue_has_work(struct spimdev_queue *queue)
{
	u32 *sq_tail = queue->doorbell + SPIMDEV_DOORBELL_SQ_TAIL;
	u32 waiting = smp_load_acquire(sq_tail) - queue->sq_head;

	/* A tail that is too far away can't be meant. */
	return !queue->stalled && waiting && waiting <= queue->spimdev->ops->entries;
}

/* The next queue that has work, after the last one; with a reference. */
static struct spimdev_queue *spimdev_pick(struct spimdev *spimdev, u32 *slot)
{
	struct spimdev_queue *queue = NULL;
	u32 i;

	mutex_lock(&spimdev->lock);
	for (i = 0; i < spimdev->config.queues; i++) {
		*slot = (spimdev->next + i) % spimdev->config.queues;
		queue = spimdev->slots[*slot].queue;
		if (queue && queue_has_work(queue)) {
			kref_get(&queue->ref);
			spimdev->slots[*slot].busy = true;
			spimdev->next = *slot + 1;
			break;
		}
		queue = NULL;
	}
	mutex_unlock(&spimdev->lock);
	return queue;
}

static void queue_complete(struct spimdev_queue *queue, u8 *cqe)
{
	const struct spimdev_ops *ops = queue->spimdev->ops;
	u32 index = queue->cq_tail & (ops->entries - 1);
	u8 *target = queue->memory + ops->cq_offset + index * ops->cqe_bytes;
	u32 phase = (queue->cq_tail & ops->entries) ? 0 : 1;

	memcpy(target, cqe, ops->phase_offset);
	smp_store_release((u32 *)(target + ops->phase_offset), phase);
	WRITE_ONCE(queue->cq_tail, queue->cq_tail + 1);
	wake_up_all(&queue->wait);
}

/* Lets the parent see what the queue's mdev has mapped. */
static int queue_use_domain(struct spimdev_queue *queue)
{
	struct spimdev *spimdev = queue->spimdev;
	int ret = 0;

	if (!(spimdev->config.dma_flag & SPIMDEV_DMA_MULTI_PROC_MAP))
		return 0;
	mutex_lock(&spimdev->lock);
	ret = queue->stopped ? -ENODEV : spimdev_use_domain(spimdev, queue->mdev->domain);
	mutex_unlock(&spimdev->lock);
	return ret;
}

static void queue_run(struct spimdev_queue *queue)
{
	struct spimdev *spimdev = queue->spimdev;
	const struct spimdev_ops *ops = spimdev->ops;
	u32 index = queue->sq_head & (ops->entries - 1);
	u8 sqe[SPIMDEV_SQE_BYTES_MAX] __aligned(8);
	u8 cqe[SPIMDEV_CQE_BYTES_MAX] __aligned(8) = {};

	memcpy(sqe, queue->memory + index * ops->sqe_bytes, ops->sqe_bytes);
	queue->sq_head++;
	if (atomic_add_unless(&spimdev->stalls, -1, 0)) {
		queue->stalled = true;
		return;
	}
	if (atomic_add_unless(&spimdev->errors, -1, 0) || queue_use_domain(queue))
		ops->fail(sqe, cqe);
	else
		ops->execute(queue, sqe, cqe);
	mutex_lock(&spimdev->lock);
	if (!queue->stopped)
		queue_complete(queue, cqe);
	mutex_unlock(&spimdev->lock);
}

int spimdev_thread(void *data)
{
	struct spimdev *spimdev = data;
	struct spimdev_queue *queue;
	u32 slot;

	while (!kthread_should_stop()) {
		wait_event_interruptible(spimdev->work,
					 READ_ONCE(spimdev->taken) || kthread_should_stop());
		queue = spimdev_pick(spimdev, &slot);
		if (!queue) {
			usleep_range(50, 200);
			continue;
		}
		queue_run(queue);
		mutex_lock(&spimdev->lock);
		WRITE_ONCE(spimdev->slots[slot].busy, false);
		mutex_unlock(&spimdev->lock);
		wake_up_all(&spimdev->idle);
		spimdev_queue_put(queue);
	}
	return 0;
}
