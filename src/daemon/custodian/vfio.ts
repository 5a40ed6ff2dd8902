// Opens an mdev by VFIO: container, group, device; and maps memory of this process for it.
//
//     /dev/vfio/vfio (container) <--SET_CONTAINER-- /dev/vfio/<group> --GET_DEVICE_FD(uuid)--> the mdev's device
//          ^ MAP_DMA, UNMAP_DMA                                                      GET_Q --> hardware queues
//
// The mappings are the container's: they end when its last descriptor, and the group's, are closed.

import { existsSync, openSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { spimdevDmaLayout, spimdevIoctls } from '../../hwdrivers/spimdev/abi.ts';
import { strangersIn } from '../../hwdrivers/spimdev/groups.ts';
import { describeHolders } from '../../hwdrivers/spimdev/holders.ts';
import { unusable } from '../../hwdrivers/spimdev/sysfs.ts';
import type { Layout } from '../../shared/layout.ts';
import { WarpError } from '../../shared/errors.ts';
import { EBUSY, errnoName, ENOTTY } from '../../sys/errno.ts';
import { closeAll, Fd } from '../../sys/fd.ts';
import { ioctl, tryIoctl } from '../../sys/ioctl.ts';
import { structMemory } from '../../sys/libc.ts';
import { dmaMapLayout, dmaUnmapLayout, groupStatusLayout, vfioConstants, vfioIoctls } from './vfio-abi.ts';

const DMA_FLAGS = vfioConstants.VFIO_DMA_MAP_FLAG_READ | vfioConstants.VFIO_DMA_MAP_FLAG_WRITE;

export interface OpenMdev {
  /** Path of its group's device node. */
  readonly groupPath: string;
  readonly container: Fd;
  readonly group: Fd;
  readonly device: Fd;
}

/** Opens an mdev. Throws DEVICE_UNUSABLE with the path that refused, and closes what it had opened. */
export function openMdev(
  uuid: string,
  options: { readonly iommuType: number; readonly root?: string },
): OpenMdev {
  const { root = '/', iommuType } = options;
  const opened: Fd[] = [];
  const open = (path: string, hint: string): Fd => {
    const fd = openNode(path, root, hint);
    opened.push(fd);
    return fd;
  };
  try {
    const container = open(join(root, 'dev/vfio/vfio'), 'load the kernel module vfio');
    checkContainer(container, iommuType);
    const groupPath = join(root, 'dev/vfio', groupOf(uuid, root));
    const group = open(groupPath, 'the mdev may have been removed');
    checkViable(group, groupPath, root);
    const containerNumber = structMemory(4);
    containerNumber.writeInt32LE(container.number);
    ioctl(group, vfioIoctls.VFIO_GROUP_SET_CONTAINER, containerNumber, 'give the group a container');
    ioctl(container, vfioIoctls.VFIO_SET_IOMMU, iommuType, 'choose the kind of IOMMU');
    const number = ioctl(group, vfioIoctls.VFIO_GROUP_GET_DEVICE_FD, uuid, `open the mdev ${uuid}`);
    return { groupPath, container, group, device: new Fd(number, `mdev ${uuid}`) };
  } catch (error) {
    closeAll(opened);
    throw error;
  }
}

export function closeMdev({ device, group, container }: OpenMdev): void {
  closeAll([device, group, container]);
}

function openNode(path: string, root: string, hint: string): Fd {
  try {
    return new Fd(openSync(path, 'r+'), path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const hints: Readonly<Record<string, string>> = {
      EACCES: 'the custodian has to run as root, or own the device nodes below /dev/vfio',
      EPERM: 'the custodian needs the capability CAP_SYS_RAWIO for groups without an IOMMU',
      EBUSY: describeHolders(path, root),
    };
    throw unusable(`open ${path}`, message, hints[code ?? ''] ?? hint, cause);
  }
}

function checkContainer(container: Fd, iommuType: number): void {
  const version = ioctl(container, vfioIoctls.VFIO_GET_API_VERSION, 0, 'ask VFIO for its version');
  if (version !== vfioConstants.VFIO_API_VERSION) {
    throw unusable(
      `use ${container.label}`,
      `VFIO has version ${version}`,
      'this kernel is too new or too old',
    );
  }
  if (ioctl(container, vfioIoctls.VFIO_CHECK_EXTENSION, iommuType, 'ask VFIO for an IOMMU') > 0) return;
  const found = `VFIO has no IOMMU of type ${iommuType}`;
  throw unusable(`use ${container.label}`, found, 'load the kernel module vfio_iommu_type1');
}

/** The name of the mdev's group below /dev/vfio. */
function groupOf(uuid: string, root: string): string {
  const link = join(root, 'sys/bus/mdev/devices', uuid, 'iommu_group');
  try {
    const group = basename(readlinkSync(link));
    // Groups without an IOMMU have another name.
    const bare = `noiommu-${group}`;
    return existsSync(join(root, 'sys/class/vfio', bare)) ? bare : group;
  } catch (cause) {
    throw unusable(
      `find the group of the mdev ${uuid}`,
      (cause as Error).message,
      'it may have been removed',
      cause,
    );
  }
}

function checkViable(group: Fd, path: string, root: string): void {
  const status = structMemory(groupStatusLayout.bytes);
  status.writeUInt32LE(status.length, groupStatusLayout.fields.argsz.offset);
  ioctl(group, vfioIoctls.VFIO_GROUP_GET_STATUS, status, 'ask for the state of the group');
  const flags = status.readUInt32LE(groupStatusLayout.fields.flags.offset);
  if ((flags & vfioConstants.VFIO_GROUP_FLAGS_VIABLE) !== 0) return;
  const strangers = strangersIn(basename(path), root).join(', ') || "who that is can't be seen";
  const found = `the group is not viable: the kernel itself uses others of its devices: ${strangers}`;
  throw unusable(`use ${path}`, found, 'bind all devices of the group to drivers of VFIO, or unbind them');
}

/** Takes a hardware queue; undefined if none is left. */
export function getQueue({ device }: OpenMdev): Fd | undefined {
  const { value, errno } = tryIoctl(device, spimdevIoctls.VFIO_SPIMDEV_CMD_GET_Q, 0);
  if (value !== -1) return new Fd(value, `queue of ${device.label}`);
  if (errno === EBUSY) return undefined;
  throw unusable(`take a queue of ${device.label}`, `the kernel answered ${errnoName(errno)}`);
}

export interface DmaRange {
  /** In this process. */
  readonly address: number;
  /** Where the device sees it. */
  readonly iova: number;
  readonly bytes: number;
}

/** Maps whole pages for the device. */
export function mapDma(mdev: OpenMdev, range: DmaRange): void {
  const map = argument(dmaMapLayout, {
    flags: DMA_FLAGS,
    vaddr: range.address,
    iova: range.iova,
    size: range.bytes,
  });
  dmaCall(mdev.container, vfioIoctls.VFIO_IOMMU_MAP_DMA, map, range);
  const share = argument(spimdevDmaLayout, { flags: DMA_FLAGS, iova: range.iova, size: range.bytes });
  const { value, errno } = tryIoctl(mdev.device, spimdevIoctls.VFIO_SPIMDEV_CMD_MAP_DMA, share);
  // A kernel that doesn't know the call has mapped for the parent already.
  if (value !== -1 || errno === ENOTTY) return;
  unmapDma(mdev, range);
  throw mapError(range, errno);
}

/** Ends a mapping, of exactly the range that was mapped. */
export function unmapDma({ container }: OpenMdev, range: Omit<DmaRange, 'address'>): void {
  const unmap = argument(dmaUnmapLayout, { flags: 0, iova: range.iova, size: range.bytes });
  dmaCall(container, vfioIoctls.VFIO_IOMMU_UNMAP_DMA, unmap, range);
}

function dmaCall(fd: Fd, request: number, argument: Buffer, range: Omit<DmaRange, 'address'>): void {
  const { value, errno } = tryIoctl(fd, request, argument);
  if (value === -1) throw mapError(range, errno);
}

function mapError({ iova, bytes }: Omit<DmaRange, 'address'>, errno: number): WarpError {
  const name = errnoName(errno);
  const hints: Readonly<Record<string, string>> = {
    ENOMEM: 'raise the limit of locked memory of the custodian ("ulimit -l", LimitMEMLOCK=)',
    ENOSPC: 'raise the number of mappings (module parameter dma_entry_limit of vfio_iommu_type1)',
    EEXIST: 'something else is mapped at this address of the device: is another program using it?',
  };
  return unusable(
    `map ${bytes} bytes at 0x${iova.toString(16)} for a device`,
    `the kernel answered ${name}`,
    hints[name],
  );
}

/** A struct for the kernel, with its own size in `argsz`. */
function argument<Name extends string>(
  layout: Layout<Name | 'argsz'>,
  values: Readonly<Record<Exclude<Name, 'argsz'>, number>>,
): Buffer {
  const struct = structMemory(layout.bytes);
  struct.writeUInt32LE(layout.bytes, layout.fields.argsz.offset);
  for (const [name, value] of Object.entries<number>(values)) {
    const { offset, bytes } = layout.fields[name as Name];
    if (bytes === 8) struct.writeBigUInt64LE(BigInt(value), offset);
    else struct.writeUInt32LE(value, offset);
  }
  return struct;
}
