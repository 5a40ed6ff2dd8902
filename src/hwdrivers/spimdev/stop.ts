// Stopping a queue whose descriptor others hold, too. Not every kernel can: there a queue ends when everybody has closed
// it, so it can't be handed to a tenant.

import { EINVAL, ENOTTY, systemCallError } from '../../sys/errno.ts';
import type { Fd } from '../../sys/fd.ts';
import { tryIoctl } from '../../sys/ioctl.ts';
import { spimdevIoctls } from './abi.ts';

const { VFIO_SPIMDEV_CMD_STOP_Q: STOP } = spimdevIoctls;

/** Stops a queue for everybody who holds it, where the kernel can. */
export function stopQueue(queue: Fd): void {
  const { value, errno } = tryIoctl(queue, STOP, 0);
  if (value === -1 && errno !== ENOTTY) throw systemCallError(`stop ${queue.label}`, errno);
}

/** Asks without doing it: an argument that isn't 0 is refused by a kernel that knows the call. */
export function isStoppable(queue: Fd): boolean {
  const { value, errno } = tryIoctl(queue, STOP, 1);
  return value === -1 && errno === EINVAL;
}
