// SPDX-License-Identifier: GPL-2.0
/*
 * For tests: another device in the IOMMU group of an mdev. The kernel gives an
 * mdev a group of its own, which is always viable; hardware whose functions
 * can't be told apart has groups with several devices. While a driver that
 * uses the kernel's DMA has one of them, as this file's has, the group is not
 * VFIO's to give away. Unbind it to make the group viable.
 */
#include "spimdev_private.h"

static int neighbour_probe(struct platform_device *pdev)
{
	return 0;
}

static struct platform_driver neighbour_driver = {
	.probe = neighbour_probe,
	.driver = { .name = "wd_neighbour" },
};

int spimdev_add_neighbour(struct spimdev_mdev *mdev, struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);
	struct platform_device *pdev;
	int ret;

	if (!group)
		return -ENODEV;
	pdev = platform_device_register_simple(neighbour_driver.driver.name,
					       PLATFORM_DEVID_AUTO, NULL, 0);
	if (IS_ERR(pdev)) {
		ret = PTR_ERR(pdev);
		goto out;
	}
	/* A driver counts as its group's owner only if it is bound in there. */
	device_release_driver(&pdev->dev);
	ret = iommu_group_add_device(group, &pdev->dev);
	if (ret) {
		platform_device_unregister(pdev);
		goto out;
	}
	ret = device_attach(&pdev->dev);
	mdev->neighbour = pdev;
	if (ret < 0)
		spimdev_remove_neighbour(mdev);
	else
		ret = 0;
out:
	iommu_group_put(group);
	return ret;
}

void spimdev_remove_neighbour(struct spimdev_mdev *mdev)
{
	if (!mdev->neighbour)
		return;
	device_release_driver(&mdev->neighbour->dev);
	iommu_group_remove_device(&mdev->neighbour->dev);
	platform_device_unregister(mdev->neighbour);
	mdev->neighbour = NULL;
}

int spimdev_init_neighbours(void)
{
	return platform_driver_register(&neighbour_driver);
}

void spimdev_exit_neighbours(void)
{
	platform_driver_unregister(&neighbour_driver);
}
