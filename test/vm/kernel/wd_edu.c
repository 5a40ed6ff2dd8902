// SPDX-License-Identifier: GPL-2.0
/*
 * A SPIMDEV parent on QEMU's "edu" device (docs/specs/edu.txt of QEMU): copies
 * memory through a buffer of 4 KiB, and computes factorials. The device has one
 * set of registers; the hardware queues in front of it are this driver's.
 *
 * The device drops a DMA that the IOMMU has stopped, and can't tell: its buffer
 * then holds what was in it before, which may be another user's. So nothing is
 * written out of the buffer unless the page tables had all of the source before
 * the DMA, and nothing was unmapped until it had ended.
 */
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/pci.h>

#include "spimdev.h"

#define EDU_VENDOR		0x1234
#define EDU_DEVICE		0x11e8

#define EDU_REG_ID		0x00
#define EDU_REG_LIVENESS	0x04
#define EDU_REG_FACTORIAL	0x08
#define EDU_REG_STATUS		0x20
#define EDU_REG_DMA_SOURCE	0x80
#define EDU_REG_DMA_DEST	0x88
#define EDU_REG_DMA_COUNT	0x90
#define EDU_REG_DMA_COMMAND	0x98

#define EDU_ID_MASK		0xffff
#define EDU_ID			0x00ed
#define EDU_STATUS_COMPUTING	0x01
#define EDU_DMA_RUN		0x01
#define EDU_DMA_TO_RAM		0x02
#define EDU_BUFFER		0x40000
/* Half of what there is: before QEMU 8.2 the device refuses a DMA of all of it. */
#define EDU_BUFFER_BYTES	2048

/* A DMA takes 100 ms of the machine's time; far more than that means a dead device. */
#define EDU_WAIT_MS		5000
#define EDU_DMA_TRIES		3

static unsigned int queues = 8;
module_param(queues, uint, 0444);
MODULE_PARM_DESC(queues, "hardware queues of a device");
static unsigned int reserve = 2;
module_param(reserve, uint, 0444);
MODULE_PARM_DESC(reserve, "of these, kept back for the kernel");
static unsigned int dma_flag = SPIMDEV_DMA_SINGLE_PROC_MAP;
module_param(dma_flag, uint, 0444);
MODULE_PARM_DESC(dma_flag, "1: one domain for all, 2: one for each mdev; 4 and 8 are only shown");
static bool noiommu;
module_param(noiommu, bool, 0444);
MODULE_PARM_DESC(noiommu, "no IOMMU: addresses are physical");
static unsigned int instances;
module_param(instances, uint, 0444);
MODULE_PARM_DESC(instances, "mdevs of a device; 0: any number, and available_instances counts queues");

struct edu {
	struct pci_dev *pdev;
	void __iomem *registers;
};

static int edu_wait(struct edu *edu, u32 reg, u32 mask)
{
	ktime_t end = ktime_add_ms(ktime_get(), EDU_WAIT_MS);

	while (readl(edu->registers + reg) & mask) {
		if (ktime_after(ktime_get(), end))
			return -ETIMEDOUT;
		usleep_range(500, 1000);
	}
	return 0;
}

static void edu_write64(struct edu *edu, u32 reg, u64 value)
{
	writeq(value, edu->registers + reg);
}

static int edu_dma(struct edu *edu, u64 source, u64 dest, u32 bytes, u32 command)
{
	edu_write64(edu, EDU_REG_DMA_SOURCE, source);
	edu_write64(edu, EDU_REG_DMA_DEST, dest);
	edu_write64(edu, EDU_REG_DMA_COUNT, bytes);
	edu_write64(edu, EDU_REG_DMA_COMMAND, command | EDU_DMA_RUN);
	return edu_wait(edu, EDU_REG_DMA_COMMAND, EDU_DMA_RUN);
}

/* One DMA at an address of the queue's user; a status. */
static u32 edu_user_dma(struct spimdev_queue *queue, u64 iova, u32 bytes,
			bool to_ram)
{
	struct edu *edu = spimdev_priv(queue);
	bool was_mapped;
	int tries, ret;
	u32 unmaps;

	for (tries = 0; tries < EDU_DMA_TRIES; tries++) {
		unmaps = spimdev_unmaps(queue);
		was_mapped = spimdev_is_mapped(queue, iova, bytes);
		/* Done even so: it is the IOMMU that has to stop it. */
		if (to_ram)
			ret = edu_dma(edu, EDU_BUFFER, iova, bytes, EDU_DMA_TO_RAM);
		else
			ret = edu_dma(edu, iova, EDU_BUFFER, bytes, 0);
		if (ret)
			return WD_EDU_STATUS_DEVICE_ERROR;
		if (!was_mapped || !spimdev_is_mapped(queue, iova, bytes))
			return WD_EDU_STATUS_DMA_FAULT;
		if (unmaps == spimdev_unmaps(queue))
			return WD_EDU_STATUS_OK;
	}
	return WD_EDU_STATUS_DMA_FAULT;
}

static u32 edu_copy(struct spimdev_queue *queue, const struct wd_edu_sqe *sqe,
		    u32 *produced)
{
	u32 bytes, status;

	if (!sqe->bytes || sqe->bytes > WD_EDU_COPY_BYTES_MAX || sqe->operand)
		return WD_EDU_STATUS_BAD_ENTRY;
	spimdev_lose_mapping(queue, sqe->source);
	for (*produced = 0; *produced < sqe->bytes; *produced += bytes) {
		if (spimdev_is_stopped(queue))
			return WD_EDU_STATUS_DEVICE_ERROR;
		bytes = min_t(u32, sqe->bytes - *produced, EDU_BUFFER_BYTES);
		status = edu_user_dma(queue, sqe->source + *produced, bytes, false);
		if (!status)
			status = edu_user_dma(queue, sqe->destination + *produced,
					      bytes, true);
		if (status)
			return status;
	}
	return WD_EDU_STATUS_OK;
}

static u32 edu_factorial(struct edu *edu, u32 operand, u32 *result)
{
	writel(operand, edu->registers + EDU_REG_FACTORIAL);
	if (edu_wait(edu, EDU_REG_STATUS, EDU_STATUS_COMPUTING))
		return WD_EDU_STATUS_DEVICE_ERROR;
	*result = readl(edu->registers + EDU_REG_FACTORIAL);
	return WD_EDU_STATUS_OK;
}

/* The device loops once for each number up to the operand: 2^32 would take it away. */
#define EDU_OPERAND_MAX	4096

static void edu_execute(struct spimdev_queue *queue, const void *entry, void *completion)
{
	const struct wd_edu_sqe *sqe = entry;
	struct wd_edu_cqe *cqe = completion;
	ktime_t start = ktime_get();

	cqe->tag = sqe->tag;
	cqe->status = WD_EDU_STATUS_BAD_ENTRY;
	if (memchr_inv(sqe->reserved, 0, sizeof(sqe->reserved)))
		return;
	if (sqe->opcode == WD_EDU_OP_COPY)
		cqe->status = edu_copy(queue, sqe, &cqe->produced);
	else if (sqe->opcode == WD_EDU_OP_FACTORIAL && sqe->operand <= EDU_OPERAND_MAX &&
		 !sqe->bytes && !sqe->source && !sqe->destination)
		cqe->status = edu_factorial(spimdev_priv(queue), sqe->operand, &cqe->result);
	cqe->nanos = min_t(u64, ktime_to_ns(ktime_sub(ktime_get(), start)), U32_MAX);
}

static void edu_fail(const void *entry, void *completion)
{
	const struct wd_edu_sqe *sqe = entry;
	struct wd_edu_cqe *cqe = completion;

	cqe->tag = sqe->tag;
	cqe->status = WD_EDU_STATUS_DEVICE_ERROR;
}

static const struct spimdev_ops edu_ops = {
	.device_api = "wd_edu_v1",
	.entries = WD_EDU_ENTRIES,
	.sqe_bytes = sizeof(struct wd_edu_sqe),
	.cqe_bytes = sizeof(struct wd_edu_cqe),
	.cq_offset = WD_EDU_CQ_OFFSET,
	.phase_offset = offsetof(struct wd_edu_cqe, phase),
	.memory_bytes = WD_EDU_MEMORY_BYTES,
	.execute = edu_execute,
	.fail = edu_fail,
};

static struct mdev_driver edu_mdev_driver = {
	.device_api = "wd_edu_v1",
	.driver = {
		.name = "wd_edu_mdev",
		.owner = THIS_MODULE,
		.mod_name = KBUILD_MODNAME,
	},
	.probe = spimdev_mdev_probe,
	.remove = spimdev_mdev_remove,
	.get_available = spimdev_get_available,
};

static const char *const edu_algorithms[] = { "copy", "factorial" };

/* The device answers, and computes: 5! is 120. */
static int edu_self_test(struct edu *edu)
{
	u32 result = 0;

	if ((readl(edu->registers + EDU_REG_ID) & EDU_ID_MASK) != EDU_ID)
		return -ENODEV;
	writel(0x12345678, edu->registers + EDU_REG_LIVENESS);
	if (readl(edu->registers + EDU_REG_LIVENESS) != ~0x12345678u)
		return -EIO;
	if (edu_factorial(edu, 5, &result) || result != 120)
		return -EIO;
	return 0;
}

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct spimdev_config config = {
		.algorithms = edu_algorithms,
		.nr_algorithms = ARRAY_SIZE(edu_algorithms),
		.queues = queues,
		.reserve = reserve,
		.dma_flag = noiommu ? SPIMDEV_DMA_PHY : dma_flag,
		.noiommu = noiommu,
	};
	struct spimdev *spimdev;
	struct edu *edu;
	int ret;

	edu = devm_kzalloc(&pdev->dev, sizeof(*edu), GFP_KERNEL);
	if (!edu)
		return -ENOMEM;
	edu->pdev = pdev;
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	ret = pcim_iomap_regions(pdev, BIT(0), KBUILD_MODNAME);
	if (ret)
		return ret;
	edu->registers = pcim_iomap_table(pdev)[0];
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	pci_set_master(pdev);
	ret = edu_self_test(edu);
	if (ret)
		return ret;
	spimdev = spimdev_register(&pdev->dev, &edu_ops, &config, &edu_mdev_driver, edu);
	return PTR_ERR_OR_ZERO(spimdev);
}

static void edu_remove(struct pci_dev *pdev)
{
	spimdev_unregister(pci_get_drvdata(pdev));
	pci_clear_master(pdev);
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE(EDU_VENDOR, EDU_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, edu_ids);

static struct pci_driver edu_driver = {
	.name = "wd_edu",
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
};

static int __init edu_init(void)
{
	int ret;

	if (instances) {
		edu_mdev_driver.get_available = NULL;
		edu_mdev_driver.max_instances = instances;
	}
	ret = mdev_register_driver(&edu_mdev_driver);
	if (ret)
		return ret;
	ret = pci_register_driver(&edu_driver);
	if (ret)
		mdev_unregister_driver(&edu_mdev_driver);
	return ret;
}

static void __exit edu_exit(void)
{
	pci_unregister_driver(&edu_driver);
	mdev_unregister_driver(&edu_mdev_driver);
}

module_init(edu_init);
module_exit(edu_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("SPIMDEV parent on QEMU's edu device");
