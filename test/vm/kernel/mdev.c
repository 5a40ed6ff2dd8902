// SPDX-License-Identifier: GPL-2.0
/* An mdev as VFIO shows it to user space. */
#include <linux/module.h>
#include <linux/uaccess.h>

#include "spimdev_private.h"

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
	spimdev_dma_unmap(vdev, 0, U64_MAX);
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
		return spimdev_get_queue(mdev, arg);
	case VFIO_SPIMDEV_CMD_MAP_DMA:
		return spimdev_map_dma(mdev, (void __user *)arg);
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
	.dma_unmap = spimdev_dma_unmap,
};

int spimdev_mdev_probe(struct mdev_device *mdev_dev)
{
	struct spimdev_mdev *mdev;
	int ret;

	mdev = vfio_alloc_device(spimdev_mdev, vdev, &mdev_dev->dev, &mdev_vfio_ops);
	if (IS_ERR(mdev))
		return PTR_ERR(mdev);
	mdev->spimdev = spimdev_of_type(mdev_dev->type);
	mutex_init(&mdev->lock);
	INIT_LIST_HEAD(&mdev->mappings);
	if (mdev->spimdev->config.noiommu)
		ret = vfio_register_group_dev(&mdev->vdev);
	else
		ret = vfio_register_emulated_iommu_dev(&mdev->vdev);
	if (ret)
		goto err_put;
	ret = mdev->spimdev->neighbours ? spimdev_add_neighbour(mdev, &mdev_dev->dev) : 0;
	if (ret)
		goto err_unregister;
	dev_set_drvdata(&mdev_dev->dev, mdev);
	return 0;
err_unregister:
	vfio_unregister_group_dev(&mdev->vdev);
err_put:
	vfio_put_device(&mdev->vdev);
	return ret;
}
EXPORT_SYMBOL_GPL(spimdev_mdev_probe);

void spimdev_mdev_remove(struct mdev_device *mdev_dev)
{
	struct spimdev_mdev *mdev = dev_get_drvdata(&mdev_dev->dev);

	spimdev_remove_neighbour(mdev);
	vfio_unregister_group_dev(&mdev->vdev);
	vfio_put_device(&mdev->vdev);
}
EXPORT_SYMBOL_GPL(spimdev_mdev_remove);

unsigned int spimdev_get_available(struct mdev_type *type)
{
	struct spimdev *spimdev = spimdev_of_type(type);
	unsigned int available;

	mutex_lock(&spimdev->lock);
	available = spimdev_free_slots(spimdev);
	mutex_unlock(&spimdev->lock);
	return available;
}
EXPORT_SYMBOL_GPL(spimdev_get_available);
