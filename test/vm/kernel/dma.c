// SPDX-License-Identifier: GPL-2.0
/* DMA: memory of an mdev's user, mapped for the parent at the user's addresses. */
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "spimdev_private.h"

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

void spimdev_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
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

long spimdev_map_dma(struct spimdev_mdev *mdev, void __user *arg)
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

/*
 * Under spimdev->lock. What runs at the moment needs the domain that is attached,
 * so only the thread changes it for another, and others take away one whose
 * queues are stopped and idle.
 */
int spimdev_use_domain(struct spimdev *spimdev, struct iommu_domain *domain)
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

void spimdev_lose_mapping(struct spimdev_queue *queue, u64 iova)
{
	struct iommu_domain *domain = queue->spimdev->domain;
	u64 at = iova & PAGE_MASK;

	if (!domain || !atomic_add_unless(&queue->spimdev->losses, -1, 0))
		return;
	for (; iommu_iova_to_phys(domain, at); at += PAGE_SIZE)
		iommu_unmap(domain, at, PAGE_SIZE);
}
EXPORT_SYMBOL_GPL(spimdev_lose_mapping);

u32 spimdev_unmaps(struct spimdev_queue *queue)
{
	return atomic_read(&queue->mdev->unmaps);
}
EXPORT_SYMBOL_GPL(spimdev_unmaps);

