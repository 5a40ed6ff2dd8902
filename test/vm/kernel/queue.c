// SPDX-License-Identifier: GPL-2.0
/* Hardware queues: taken, mapped, waited for, stopped. */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "spimdev_private.h"

#define SPIMDEV_REGION_MASK	0xf

static void queue_release(struct kref *ref)
{
	struct spimdev_queue *queue = container_of(ref, struct spimdev_queue, ref);

	vfree(queue->memory);
	vfree(queue->doorbell);
	kfree(queue);
}

void spimdev_queue_put(struct spimdev_queue *queue)
{
	kref_put(&queue->ref, queue_release);
}

/* Takes the queue off its slot. Whoever waits for the hardware gets it at once. */
static void queue_stop_locked(struct spimdev_queue *queue, u32 state)
{
	struct spimdev *spimdev = queue->spimdev;

	if (queue->slot < 0)
		return;
	WRITE_ONCE(queue->stopped, true);
	WRITE_ONCE(*queue->state, state);
	WRITE_ONCE(spimdev->slots[queue->slot].queue, NULL);
	spimdev->taken--;
	queue->slot = -1;
	wake_up_all(&queue->wait);
	spimdev_queue_put(queue);
}

/*
 * A queue's spimdev lives as long as it has a slot; without one there is
 * nothing to do. The module's own lock guards that look.
 */
static DEFINE_MUTEX(spimdev_queues_lock);

static void queue_stop(struct spimdev_queue *queue, u32 state)
{
	struct spimdev *spimdev;

	mutex_lock(&spimdev_queues_lock);
	if (queue->slot >= 0) {
		spimdev = queue->spimdev;
		mutex_lock(&spimdev->lock);
		queue_stop_locked(queue, state);
		mutex_unlock(&spimdev->lock);
	}
	mutex_unlock(&spimdev_queues_lock);
}

/* Stops the queues of one mdev, or all. An entry that runs may go on for a while. */
void spimdev_stop_queues(struct spimdev *spimdev, struct spimdev_mdev *mdev,
			 u32 state)
{
	u32 i;

	mutex_lock(&spimdev_queues_lock);
	mutex_lock(&spimdev->lock);
	for (i = 0; i < spimdev->config.queues; i++) {
		struct spimdev_queue *queue = spimdev->slots[i].queue;

		if (queue && (!mdev || queue->mdev == mdev))
			queue_stop_locked(queue, state);
	}
	mutex_unlock(&spimdev->lock);
	mutex_unlock(&spimdev_queues_lock);
}

/* No entry of a queue that was stopped runs any more. A wait's condition: no lock. */
bool spimdev_is_idle(struct spimdev *spimdev)
{
	u32 i;

	for (i = 0; i < spimdev->config.queues; i++)
		if (READ_ONCE(spimdev->slots[i].busy) &&
		    !READ_ONCE(spimdev->slots[i].queue))
			return false;
	return true;
}

static int queue_fop_release(struct inode *inode, struct file *file)
{
	struct spimdev_queue *queue = file->private_data;

	queue_stop(queue, SPIMDEV_STATE_STOPPED);
	spimdev_queue_put(queue);
	return 0;
}

static int queue_fop_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct spimdev_queue *queue = file->private_data;
	unsigned long bytes = vma->vm_end - vma->vm_start;
	unsigned long region = vma->vm_pgoff & SPIMDEV_REGION_MASK;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	switch (region) {
	case SPIMDEV_REGION_DOORBELL:
		if (bytes != PAGE_SIZE)
			return -EINVAL;
		return remap_vmalloc_range(vma, queue->doorbell, 0);
	case SPIMDEV_REGION_MEMORY:
		if (bytes != queue->memory_bytes)
			return -EINVAL;
		return remap_vmalloc_range(vma, queue->memory, 0);
	}
	return -EINVAL;
}

static __poll_t queue_fop_poll(struct file *file, poll_table *wait)
{
	struct spimdev_queue *queue = file->private_data;
	u32 *cq_head = queue->doorbell + SPIMDEV_DOORBELL_CQ_HEAD;
	__poll_t mask = 0;

	poll_wait(file, &queue->wait, wait);
	if (READ_ONCE(queue->cq_tail) != READ_ONCE(*cq_head))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(queue->stopped))
		mask |= EPOLLHUP;
	return mask;
}

static long queue_fop_ioctl(struct file *file, unsigned int cmd,
			    unsigned long arg)
{
	if (cmd != VFIO_SPIMDEV_CMD_STOP_Q)
		return -ENOTTY;
	if (arg)
		return -EINVAL;
	queue_stop(file->private_data, SPIMDEV_STATE_STOPPED);
	return 0;
}

static const struct file_operations queue_fops = {
	.owner = THIS_MODULE,
	.release = queue_fop_release,
	.mmap = queue_fop_mmap,
	.poll = queue_fop_poll,
	.unlocked_ioctl = queue_fop_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct spimdev_queue *queue_alloc(struct spimdev_mdev *mdev)
{
	struct spimdev *spimdev = mdev->spimdev;
	struct spimdev_queue *queue = kzalloc(sizeof(*queue), GFP_KERNEL);

	if (!queue)
		return NULL;
	kref_init(&queue->ref);
	init_waitqueue_head(&queue->wait);
	queue->spimdev = spimdev;
	queue->mdev = mdev;
	queue->slot = -1;
	queue->memory_bytes = spimdev->ops->memory_bytes;
	/* Fresh pages, all zero: nothing of an earlier holder is left. */
	queue->memory = vmalloc_user(queue->memory_bytes);
	queue->doorbell = vmalloc_user(PAGE_SIZE);
	if (!queue->memory || !queue->doorbell) {
		spimdev_queue_put(queue);
		return NULL;
	}
	queue->state = queue->memory + queue->memory_bytes - sizeof(u32);
	return queue;
}

u32 spimdev_free_slots(struct spimdev *spimdev)
{
	u32 i, free = 0;

	for (i = 0; i < spimdev->config.queues; i++)
		if (!spimdev->slots[i].queue && !spimdev->slots[i].busy)
			free++;
	return free > spimdev->config.reserve ? free - spimdev->config.reserve : 0;
}

static int queue_attach(struct spimdev_queue *queue)
{
	struct spimdev *spimdev = queue->spimdev;
	int ret = -EBUSY;
	u32 i;

	mutex_lock(&spimdev->lock);
	if (!spimdev_free_slots(spimdev))
		goto out;
	for (i = 0; i < spimdev->config.queues; i++) {
		if (spimdev->slots[i].queue || spimdev->slots[i].busy)
			continue;
		spimdev->slots[i].queue = queue;
		spimdev->taken++;
		queue->slot = i;
		kref_get(&queue->ref);
		ret = 0;
		break;
	}
out:
	mutex_unlock(&spimdev->lock);
	if (!ret)
		wake_up(&spimdev->work);
	return ret;
}

long spimdev_get_queue(struct spimdev_mdev *mdev, unsigned long arg)
{
	struct spimdev_queue *queue;
	int ret;

	/* A PASID, or the index of an algorithm: neither is user space's to choose. */
	if (arg)
		return -EINVAL;
	queue = queue_alloc(mdev);
	if (!queue)
		return -ENOMEM;
	ret = queue_attach(queue);
	if (ret)
		goto out;
	ret = anon_inode_getfd("spimdev_q", &queue_fops, queue, O_RDWR | O_CLOEXEC);
	if (ret < 0) {
		queue_stop(queue, SPIMDEV_STATE_STOPPED);
		goto out;
	}
	return ret;
out:
	spimdev_queue_put(queue);
	return ret;
}
