// SPDX-License-Identifier: GPL-2.0
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
#include <linux/anon_inodes.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/poll.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>
#include <linux/vmalloc.h>

#include "spimdev.h"

#define SPIMDEV_REGION_MASK	0xf

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
};

struct spimdev_mdev {
	struct vfio_device vdev;	/* first: vfio_alloc_device */
	struct spimdev *spimdev;
	struct mutex lock;
	struct list_head mappings;
	struct iommu_domain *domain;	/* with MULTI_PROC_MAP */
	atomic_t unmaps;
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

static struct class *spimdev_class;
static struct dentry *spimdev_debugfs;
static DEFINE_IDA(spimdev_ids);

/* Queues */

static void queue_release(struct kref *ref)
{
	struct spimdev_queue *queue = container_of(ref, struct spimdev_queue, ref);

	vfree(queue->memory);
	vfree(queue->doorbell);
	kfree(queue);
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
	kref_put(&queue->ref, queue_release);
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
static void spimdev_stop_queues(struct spimdev *spimdev,
				struct spimdev_mdev *mdev, u32 state)
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
static bool spimdev_is_idle(struct spimdev *spimdev)
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
	kref_put(&queue->ref, queue_release);
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
		kref_put(&queue->ref, queue_release);
		return NULL;
	}
	queue->state = queue->memory + queue->memory_bytes - sizeof(u32);
	return queue;
}

static u32 spimdev_free_slots(struct spimdev *spimdev)
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

static long mdev_get_queue(struct spimdev_mdev *mdev, unsigned long arg)
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
	kref_put(&queue->ref, queue_release);
	return ret;
}

/* DMA */

static struct iommu_domain *mdev_domain(struct spimdev_mdev *mdev)
{
	return mdev->domain ? mdev->domain : mdev->spimdev->shared;
}

static void mapping_destroy(struct spimdev_mdev *mdev,
			    struct spimdev_mapping *mapping)
{
	u64 at;

	iommu_unmap(mdev_domain(mdev), mapping->iova, mapping->size);
	atomic_inc(&mdev->unmaps);
	for (at = 0; at < mapping->size; at += PAGE_SIZE)
		vfio_unpin_pages(&mdev->vdev, mapping->iova + at, 1);
	list_del(&mapping->node);
	kfree(mapping);
}

static void mdev_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	struct spimdev_mdev *mdev = container_of(vdev, struct spimdev_mdev, vdev);
	struct spimdev_mapping *mapping, *next;

	mutex_lock(&mdev->lock);
	list_for_each_entry_safe(mapping, next, &mdev->mappings, node)
		if (mapping->iova < iova + length &&
		    iova < mapping->iova + mapping->size)
			mapping_destroy(mdev, mapping);
	mutex_unlock(&mdev->lock);
}

/* The IOMMU doesn't translate what lies in such a range: interrupts, for one. */
static bool spimdev_is_reserved(struct spimdev *spimdev, u64 iova, u64 last)
{
	struct iommu_group *group = iommu_group_get(spimdev->dev);
	struct iommu_resv_region *region, *next;
	bool reserved = false;
	LIST_HEAD(regions);

	if (!group)
		return true;
	iommu_get_group_resv_regions(group, &regions);
	iommu_group_put(group);
	list_for_each_entry_safe(region, next, &regions, list) {
		if (iova < region->start + region->length && last >= region->start)
			reserved = true;
		list_del(&region->list);
		kfree(region);
	}
	return reserved;
}

/* Pins and maps page by page; takes back what it did when one fails. */
static int mapping_fill(struct spimdev_mdev *mdev,
			struct spimdev_mapping *mapping, int prot)
{
	struct iommu_domain *domain = mdev_domain(mdev);
	struct page *page;
	u64 at;
	int ret;

	for (at = 0; at < mapping->size; at += PAGE_SIZE) {
		ret = vfio_pin_pages(&mdev->vdev, mapping->iova + at, 1, prot, &page);
		if (ret != 1) {
			ret = ret < 0 ? ret : -EFAULT;
			goto undo;
		}
		ret = iommu_map(domain, mapping->iova + at, page_to_phys(page),
				PAGE_SIZE, prot);
		if (ret) {
			vfio_unpin_pages(&mdev->vdev, mapping->iova + at, 1);
			goto undo;
		}
	}
	return 0;
undo:
	if (at)
		iommu_unmap(domain, mapping->iova, at);
	while (at) {
		at -= PAGE_SIZE;
		vfio_unpin_pages(&mdev->vdev, mapping->iova + at, 1);
	}
	return ret;
}

static bool domain_is_free(struct iommu_domain *domain, u64 iova, u64 size)
{
	u64 at;

	for (at = 0; at < size; at += PAGE_SIZE)
		if (iommu_iova_to_phys(domain, iova + at))
			return false;
	return true;
}

static long mdev_map_dma(struct spimdev_mdev *mdev, void __user *arg)
{
	struct spimdev_mapping *mapping;
	struct iommu_domain *domain = mdev_domain(mdev);
	struct vfio_spimdev_dma dma;
	int prot = 0;
	u64 last;
	int ret;

	if (!domain)
		return -EOPNOTSUPP;
	if (copy_from_user(&dma, arg, sizeof(dma)))
		return -EFAULT;
	if (dma.argsz < sizeof(dma) || !dma.size ||
	    !PAGE_ALIGNED(dma.iova | dma.size) ||
	    (dma.flags & ~(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)))
		return -EINVAL;
	if (check_add_overflow(dma.iova, dma.size - 1, &last) ||
	    last > domain->geometry.aperture_end ||
	    spimdev_is_reserved(mdev->spimdev, dma.iova, last))
		return -ERANGE;
	if (dma.flags & VFIO_DMA_MAP_FLAG_READ)
		prot |= IOMMU_READ;
	if (dma.flags & VFIO_DMA_MAP_FLAG_WRITE)
		prot |= IOMMU_WRITE;
	if (!prot)
		return -EINVAL;

	mapping = kzalloc(sizeof(*mapping), GFP_KERNEL);
	if (!mapping)
		return -ENOMEM;
	mapping->iova = dma.iova;
	mapping->size = dma.size;
	mutex_lock(&mdev->lock);
	ret = domain_is_free(domain, dma.iova, dma.size) ? 0 : -EEXIST;
	if (!ret)
		ret = mapping_fill(mdev, mapping, prot);
	if (ret)
		kfree(mapping);
	else
		list_add(&mapping->node, &mdev->mappings);
	mutex_unlock(&mdev->lock);
	return ret;
}

bool spimdev_is_mapped(struct spimdev_queue *queue, u64 iova, u32 bytes)
{
	struct iommu_domain *domain = queue->spimdev->domain;
	u64 at;

	if (!bytes || iova + bytes < iova)
		return false;
	/* Physical addresses: nothing stands between the parent and all memory. */
	if (!domain)
		return queue->spimdev->config.noiommu;
	for (at = iova & PAGE_MASK; at < iova + bytes; at += PAGE_SIZE)
		if (!iommu_iova_to_phys(domain, at))
			return false;
	return true;
}
EXPORT_SYMBOL_GPL(spimdev_is_mapped);

u32 spimdev_unmaps(struct spimdev_queue *queue)
{
	return atomic_read(&queue->mdev->unmaps);
}
EXPORT_SYMBOL_GPL(spimdev_unmaps);

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

/*
 * Under spimdev->lock. What runs at the moment needs the domain that is attached,
 * so only the thread changes it for another, and others take away one whose
 * queues are stopped and idle.
 */
static int spimdev_use_domain(struct spimdev *spimdev,
			      struct iommu_domain *domain)
{
	int ret;

	if (spimdev->domain == domain)
		return 0;
	if (spimdev->domain)
		iommu_detach_device(spimdev->domain, spimdev->dev);
	spimdev->domain = NULL;
	if (!domain)
		return 0;
	ret = iommu_attach_device(domain, spimdev->dev);
	if (!ret)
		spimdev->domain = domain;
	return ret;
}

/* The thread */

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

static int spimdev_thread(void *data)
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
		kref_put(&queue->ref, queue_release);
	}
	return 0;
}

/* The VFIO device */

static int mdev_open_device(struct vfio_device *vdev)
{
	struct spimdev_mdev *mdev = container_of(vdev, struct spimdev_mdev, vdev);
	struct spimdev *spimdev = mdev->spimdev;

	if (!(spimdev->config.dma_flag & SPIMDEV_DMA_MULTI_PROC_MAP) ||
	    spimdev->config.noiommu)
		return 0;
	mdev->domain = iommu_domain_alloc(spimdev->dev->bus);
	return mdev->domain ? 0 : -ENOMEM;
}

static void mdev_close_device(struct vfio_device *vdev)
{
	struct spimdev_mdev *mdev = container_of(vdev, struct spimdev_mdev, vdev);
	struct spimdev *spimdev = mdev->spimdev;

	spimdev_stop_queues(spimdev, mdev, SPIMDEV_STATE_STOPPED);
	wait_event(spimdev->idle, spimdev_is_idle(spimdev));
	mdev_dma_unmap(vdev, 0, U64_MAX);
	if (!mdev->domain)
		return;
	/* The thread leaves the last one in place. */
	mutex_lock(&spimdev->lock);
	if (spimdev->domain == mdev->domain)
		spimdev_use_domain(spimdev, NULL);
	mutex_unlock(&spimdev->lock);
	iommu_domain_free(mdev->domain);
	mdev->domain = NULL;
}

static long mdev_ioctl(struct vfio_device *vdev, unsigned int cmd,
		       unsigned long arg)
{
	struct spimdev_mdev *mdev = container_of(vdev, struct spimdev_mdev, vdev);
	unsigned long minsz = offsetofend(struct vfio_device_info, num_irqs);
	struct vfio_device_info info = {};

	switch (cmd) {
	case VFIO_SPIMDEV_CMD_GET_Q:
		return mdev_get_queue(mdev, arg);
	case VFIO_SPIMDEV_CMD_MAP_DMA:
		return mdev_map_dma(mdev, (void __user *)arg);
	case VFIO_DEVICE_RESET:
		spimdev_stop_queues(mdev->spimdev, mdev, SPIMDEV_STATE_RESET);
		return 0;
	case VFIO_DEVICE_GET_INFO:
		if (copy_from_user(&info, (void __user *)arg, minsz))
			return -EFAULT;
		if (info.argsz < minsz)
			return -EINVAL;
		info = (struct vfio_device_info){
			.argsz = minsz, .flags = VFIO_DEVICE_FLAGS_RESET,
		};
		return copy_to_user((void __user *)arg, &info, minsz) ? -EFAULT : 0;
	}
	return -ENOTTY;
}

/* The parent goes away: its users are told by their queues. */
static void mdev_request(struct vfio_device *vdev, unsigned int count)
{
	struct spimdev_mdev *mdev = container_of(vdev, struct spimdev_mdev, vdev);

	spimdev_stop_queues(mdev->spimdev, mdev, SPIMDEV_STATE_GONE);
}

static const struct vfio_device_ops mdev_vfio_ops = {
	.name = "spimdev",
	.release = vfio_free_device,
	.open_device = mdev_open_device,
	.close_device = mdev_close_device,
	.ioctl = mdev_ioctl,
	.request = mdev_request,
	.dma_unmap = mdev_dma_unmap,
};

static struct spimdev *type_to_spimdev(struct mdev_type *type)
{
	return container_of(type->parent, struct spimdev, parent);
}

int spimdev_mdev_probe(struct mdev_device *mdev_dev)
{
	struct spimdev_mdev *mdev;
	int ret;

	mdev = vfio_alloc_device(spimdev_mdev, vdev, &mdev_dev->dev, &mdev_vfio_ops);
	if (IS_ERR(mdev))
		return PTR_ERR(mdev);
	mdev->spimdev = type_to_spimdev(mdev_dev->type);
	mutex_init(&mdev->lock);
	INIT_LIST_HEAD(&mdev->mappings);
	if (mdev->spimdev->config.noiommu)
		ret = vfio_register_group_dev(&mdev->vdev);
	else
		ret = vfio_register_emulated_iommu_dev(&mdev->vdev);
	if (ret) {
		vfio_put_device(&mdev->vdev);
		return ret;
	}
	dev_set_drvdata(&mdev_dev->dev, mdev);
	return 0;
}
EXPORT_SYMBOL_GPL(spimdev_mdev_probe);

void spimdev_mdev_remove(struct mdev_device *mdev_dev)
{
	struct spimdev_mdev *mdev = dev_get_drvdata(&mdev_dev->dev);

	vfio_unregister_group_dev(&mdev->vdev);
	vfio_put_device(&mdev->vdev);
}
EXPORT_SYMBOL_GPL(spimdev_mdev_remove);

unsigned int spimdev_get_available(struct mdev_type *type)
{
	struct spimdev *spimdev = type_to_spimdev(type);
	unsigned int available;

	mutex_lock(&spimdev->lock);
	available = spimdev_free_slots(spimdev);
	mutex_unlock(&spimdev->lock);
	return available;
}
EXPORT_SYMBOL_GPL(spimdev_get_available);

/* sysfs and debugfs */

static ssize_t iommu_type_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	struct spimdev *spimdev = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%d\n", spimdev->config.noiommu ?
			  VFIO_NOIOMMU_IOMMU : VFIO_TYPE1v2_IOMMU);
}
static DEVICE_ATTR_RO(iommu_type);

static ssize_t dma_flag_show(struct device *dev,
			     struct device_attribute *attr, char *buf)
{
	struct spimdev *spimdev = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", spimdev->config.dma_flag);
}
static DEVICE_ATTR_RO(dma_flag);

static struct attribute *params_attrs[] = {
	&dev_attr_iommu_type.attr,
	&dev_attr_dma_flag.attr,
	NULL
};

static const struct attribute_group params_group = {
	.name = "params",
	.attrs = params_attrs,
};

static int reset_set(void *data, u64 value)
{
	spimdev_stop_queues(data, NULL, SPIMDEV_STATE_RESET);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(reset_fops, NULL, reset_set, "%llu\n");

static void spimdev_add_debugfs(struct spimdev *spimdev)
{
	spimdev->debugfs = debugfs_create_dir(dev_name(spimdev->class_dev),
					      spimdev_debugfs);
	/* That many entries from now on are never completed, or fail. */
	debugfs_create_atomic_t("stall", 0600, spimdev->debugfs, &spimdev->stalls);
	debugfs_create_atomic_t("error", 0600, spimdev->debugfs, &spimdev->errors);
	debugfs_create_file_unsafe("reset", 0200, spimdev->debugfs, spimdev,
				   &reset_fops);
}

/* Registration */

static int spimdev_init_domain(struct spimdev *spimdev)
{
	if (spimdev->config.noiommu ||
	    (spimdev->config.dma_flag & SPIMDEV_DMA_MULTI_PROC_MAP))
		return 0;
	spimdev->shared = iommu_domain_alloc(spimdev->dev->bus);
	if (!spimdev->shared)
		return -ENODEV;
	return spimdev_use_domain(spimdev, spimdev->shared);
}

static void spimdev_free(struct spimdev *spimdev)
{
	spimdev_use_domain(spimdev, NULL);
	if (spimdev->shared)
		iommu_domain_free(spimdev->shared);
	if (spimdev->id >= 0)
		ida_free(&spimdev_ids, spimdev->id);
	dev_set_drvdata(spimdev->dev, NULL);
	kfree(spimdev);
}

static int spimdev_start(struct spimdev *spimdev)
{
	struct device *class_dev;
	struct task_struct *thread;

	thread = kthread_run(spimdev_thread, spimdev, "spimdev-%s",
			     dev_name(spimdev->dev));
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	spimdev->thread = thread;
	class_dev = device_create(spimdev_class, spimdev->dev, MKDEV(0, 0), spimdev,
				  "%s%d", dev_driver_string(spimdev->dev), spimdev->id);
	if (IS_ERR(class_dev)) {
		kthread_stop(thread);
		return PTR_ERR(class_dev);
	}
	spimdev->class_dev = class_dev;
	spimdev_add_debugfs(spimdev);
	return 0;
}

static void spimdev_stop(struct spimdev *spimdev)
{
	debugfs_remove(spimdev->debugfs);
	device_unregister(spimdev->class_dev);
	kthread_stop(spimdev->thread);
}

struct spimdev *spimdev_register(struct device *dev,
				 const struct spimdev_ops *ops,
				 const struct spimdev_config *config,
				 struct mdev_driver *mdev_driver, void *priv)
{
	struct spimdev *spimdev;
	int ret;
	u32 i;

	if (!config->queues || config->queues > SPIMDEV_QUEUES_MAX ||
	    config->nr_algorithms > SPIMDEV_TYPES_MAX ||
	    ops->sqe_bytes > SPIMDEV_SQE_BYTES_MAX ||
	    ops->cqe_bytes > SPIMDEV_CQE_BYTES_MAX || !is_power_of_2(ops->entries))
		return ERR_PTR(-EINVAL);
	spimdev = kzalloc(sizeof(*spimdev), GFP_KERNEL);
	if (!spimdev)
		return ERR_PTR(-ENOMEM);
	spimdev->dev = dev;
	spimdev->ops = ops;
	spimdev->config = *config;
	spimdev->priv = priv;
	mutex_init(&spimdev->lock);
	init_waitqueue_head(&spimdev->work);
	init_waitqueue_head(&spimdev->idle);
	dev_set_drvdata(dev, spimdev);
	for (i = 0; i < config->nr_algorithms; i++) {
		spimdev->types[i].sysfs_name = config->algorithms[i];
		spimdev->types[i].pretty_name = config->algorithms[i];
		spimdev->type_pointers[i] = &spimdev->types[i];
	}
	spimdev->id = ida_alloc(&spimdev_ids, GFP_KERNEL);
	ret = spimdev->id < 0 ? spimdev->id : spimdev_init_domain(spimdev);
	if (ret)
		goto err_free;
	ret = spimdev_start(spimdev);
	if (ret)
		goto err_free;
	ret = sysfs_create_group(&dev->kobj, &params_group);
	if (ret)
		goto err_stop;
	ret = mdev_register_parent(&spimdev->parent, dev, mdev_driver,
				   spimdev->type_pointers, config->nr_algorithms);
	if (ret)
		goto err_group;
	return spimdev;
err_group:
	sysfs_remove_group(&dev->kobj, &params_group);
err_stop:
	spimdev_stop(spimdev);
err_free:
	spimdev_free(spimdev);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(spimdev_register);

void spimdev_unregister(struct spimdev *spimdev)
{
	/* Returns when the last device fd is closed, and with it the last queue. */
	mdev_unregister_parent(&spimdev->parent);
	sysfs_remove_group(&spimdev->dev->kobj, &params_group);
	spimdev_stop(spimdev);
	spimdev_free(spimdev);
}
EXPORT_SYMBOL_GPL(spimdev_unregister);

static int __init spimdev_init(void)
{
	spimdev_class = class_create(THIS_MODULE, "spimdev");
	if (IS_ERR(spimdev_class))
		return PTR_ERR(spimdev_class);
	spimdev_debugfs = debugfs_create_dir("spimdev", NULL);
	return 0;
}

static void __exit spimdev_exit(void)
{
	debugfs_remove(spimdev_debugfs);
	class_destroy(spimdev_class);
	ida_destroy(&spimdev_ids);
}

module_init(spimdev_init);
module_exit(spimdev_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Share Parent IOMMU Mediated Device");
