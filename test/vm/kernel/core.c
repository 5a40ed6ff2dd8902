// SPDX-License-Identifier: GPL-2.0
/* Registration of parents, and what sysfs and debugfs show of them. */
#include <linux/debugfs.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "spimdev_private.h"

static struct class *spimdev_class;
static struct dentry *spimdev_debugfs;
static DEFINE_IDA(spimdev_ids);

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
	/* That many copies find the mapping of their source taken away. */
	debugfs_create_atomic_t("unmap", 0600, spimdev->debugfs, &spimdev->losses);
	/* Whether mdevs that are made from now on share their group with another device. */
	debugfs_create_bool("neighbours", 0600, spimdev->debugfs, &spimdev->neighbours);
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
	int ret;

	spimdev_class = class_create(THIS_MODULE, "spimdev");
	if (IS_ERR(spimdev_class))
		return PTR_ERR(spimdev_class);
	ret = spimdev_init_neighbours();
	if (ret) {
		class_destroy(spimdev_class);
		return ret;
	}
	spimdev_debugfs = debugfs_create_dir("spimdev", NULL);
	return 0;
}

static void __exit spimdev_exit(void)
{
	debugfs_remove(spimdev_debugfs);
	spimdev_exit_neighbours();
	class_destroy(spimdev_class);
	ida_destroy(&spimdev_ids);
}

module_init(spimdev_init);
module_exit(spimdev_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Share Parent IOMMU Mediated Device");
