// The numbers by which we talk to the kernel: pinned, and compared with the C compiler's.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  dmaMapLayout,
  dmaUnmapLayout,
  groupStatusLayout,
  vfioConstants,
  vfioIoctls,
} from '../../../src/daemon/custodian/vfio-abi.ts';
import * as edu from '../../../src/hwdrivers/edu/driver.ts';
import * as spimdev from '../../../src/hwdrivers/spimdev/abi.ts';
import { packageRoot } from '../../../src/shared/package-files.ts';
import { evaluateC, hasCompiler, layoutExpressions } from '../../fixtures/c-compiler.ts';

const ourHeader = `"${join(packageRoot, 'test/vm/kernel/spimdev_abi.h')}"`;
const queueStates = Object.fromEntries(
  spimdev.queueStates.map((state, number) => [`SPIMDEV_STATE_${state.toUpperCase()}`, number]),
);
const ours = {
  ...spimdev.spimdevIoctls,
  ...queueStates,
  SPIMDEV_REGION_DOORBELL: spimdev.REGION_DOORBELL,
  SPIMDEV_REGION_MEMORY: spimdev.REGION_MEMORY,
  SPIMDEV_DOORBELL_SQ_TAIL: spimdev.DOORBELL_SQ_TAIL_OFFSET,
  SPIMDEV_DOORBELL_CQ_HEAD: spimdev.DOORBELL_CQ_HEAD_OFFSET,
  SPIMDEV_DMA_SINGLE_PROC_MAP: spimdev.DMA_FLAG.singleProcess,
  SPIMDEV_DMA_MULTI_PROC_MAP: spimdev.DMA_FLAG.multiProcess,
  SPIMDEV_DMA_SVM: spimdev.DMA_FLAG.sva,
  SPIMDEV_DMA_SVM_NO_FAULT: spimdev.DMA_FLAG.svaNoFault,
  SPIMDEV_DMA_PHY: spimdev.DMA_FLAG.physical,
  WD_EDU_ENTRIES: edu.ENTRIES,
  WD_EDU_CQ_OFFSET: edu.CQ_OFFSET,
  WD_EDU_MEMORY_BYTES: edu.MEMORY_BYTES,
  WD_EDU_COPY_BYTES_MAX: edu.COPY_BYTES_MAX,
  WD_EDU_OP_COPY: edu.OPCODE.copy,
  WD_EDU_OP_FACTORIAL: edu.OPCODE.factorial,
  WD_EDU_STATUS_OK: edu.STATUS.ok,
  WD_EDU_STATUS_BAD_ENTRY: edu.STATUS.badEntry,
  WD_EDU_STATUS_DMA_FAULT: edu.STATUS.dmaFault,
  WD_EDU_STATUS_DEVICE_ERROR: edu.STATUS.deviceError,
};

describe('VFIO', () => {
  it('is called by the numbers of linux/vfio.h', () => {
    expect(vfioIoctls).toEqual({
      VFIO_GET_API_VERSION: 0x3b64,
      VFIO_CHECK_EXTENSION: 0x3b65,
      VFIO_SET_IOMMU: 0x3b66,
      VFIO_GROUP_GET_STATUS: 0x3b67,
      VFIO_GROUP_SET_CONTAINER: 0x3b68,
      VFIO_GROUP_GET_DEVICE_FD: 0x3b6a,
      VFIO_DEVICE_RESET: 0x3b6f,
      VFIO_IOMMU_MAP_DMA: 0x3b71,
      VFIO_IOMMU_UNMAP_DMA: 0x3b72,
    });
    expect([groupStatusLayout, dmaMapLayout, dmaUnmapLayout].map(({ bytes }) => bytes)).toEqual([8, 32, 24]);
  });

  it.runIf(hasCompiler)('has these numbers and structs for the C compiler, too', () => {
    const layouts = [groupStatusLayout, dmaMapLayout, dmaUnmapLayout].map(layoutExpressions);
    const expected = new Map([
      ...Object.entries({ ...vfioIoctls, ...vfioConstants }),
      ...layouts.flatMap((layout) => Array.from(layout)),
    ]);
    expect(evaluateC(['<linux/vfio.h>'], [...expected.keys()])).toEqual(expected);
  });
});

describe('SPIMDEV', () => {
  it('is called by the numbers of RFC v1, and by two of our own', () => {
    expect(spimdev.spimdevIoctls).toEqual({
      VFIO_SPIMDEV_CMD_GET_Q: 0x5701,
      VFIO_SPIMDEV_CMD_MAP_DMA: 0x40185710,
      VFIO_SPIMDEV_CMD_STOP_Q: 0x5711,
    });
    expect(spimdev.DMA_FLAG).toEqual({
      singleProcess: 1,
      multiProcess: 2,
      sva: 4,
      svaNoFault: 8,
      physical: 16,
      scatterGather: 32,
    });
  });

  it.runIf(hasCompiler)("has these numbers and structs in the kernel module's header", () => {
    const layouts = [spimdev.spimdevDmaLayout, edu.submissionLayout, edu.completionEntryLayout].map(
      layoutExpressions,
    );
    const expected = new Map([...Object.entries(ours), ...layouts.flatMap((layout) => Array.from(layout))]);
    expect(evaluateC([ourHeader], [...expected.keys()])).toEqual(expected);
  });
});
