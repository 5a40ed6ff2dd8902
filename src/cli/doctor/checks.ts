// What warpctl doctor looks at: one function for each subject, all of them on a file system that begins at `root`, so
// that they can be tried on trees of broken hosts. None of them opens a device or changes anything.

import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { DMA_FLAG } from '../../hwdrivers/spimdev/abi.ts';
import { driverOf } from '../../hwdrivers/spimdev/drivers.ts';
import { strangersIn } from '../../hwdrivers/spimdev/groups.ts';
import { hasSva, memoryModeOf } from '../../hwdrivers/spimdev/memory-mode.ts';
import { parentNames, readParent, readTypes } from '../../hwdrivers/spimdev/parents.ts';
import { WarpError } from '../../shared/errors.ts';

/** `note`: fine as it is, or of no concern here; `problem`: something that is there can't be used. */
export type FindingState = 'ok' | 'note' | 'problem';

export interface Finding {
  readonly subject: string;
  readonly state: FindingState;
  readonly found: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** The kernels on which SPIMDEV was seen working begin here. */
const KERNEL_MIN = [6, 1] as const;
/** What a host with hardware should let the custodian lock, bytes. */
const MEMLOCK_BYTES_MIN = 64 * 2 ** 20;
const VFIO_MODULES = ['vfio', 'vfio_iommu_type1', 'mdev'] as const;

type Check = (root: string) => Finding[];

export const checks: readonly Check[] = [
  checkKernel,
  checkIommu,
  checkVfio,
  checkNoiommu,
  checkParents,
  checkMdevs,
  checkGroups,
  checkMemlock,
  checkHugepages,
  checkUacce,
];

function checkKernel(root: string): Finding[] {
  const release = readText(join(root, 'proc/sys/kernel/osrelease')) ?? 'unknown';
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10));
  const isOld = major < KERNEL_MIN[0] || (major === KERNEL_MIN[0] && minor < KERNEL_MIN[1]);
  const hint = `hardware is tried on ${KERNEL_MIN.join('.')} and later; the soft device works on any`;
  return [finding('kernel', isOld ? 'note' : 'ok', `Linux ${release}`, isOld ? hint : undefined)];
}

function checkIommu(root: string): Finding[] {
  const units = list(join(root, 'sys/class/iommu'));
  const groups = list(join(root, 'sys/kernel/iommu_groups')).length;
  if (units.length > 0) return [finding('IOMMU', 'ok', `${units.join(', ')}; ${groups} groups`)];
  const hint = 'turn it on in the firmware, and boot with intel_iommu=on (Intel); AMD and Arm need no option';
  return [finding('IOMMU', hasParents(root) ? 'problem' : 'note', 'none, or turned off', hint)];
}

function checkVfio(root: string): Finding[] {
  const missing = VFIO_MODULES.filter((name) => !existsSync(join(root, 'sys/module', name)));
  const state = hasParents(root) ? 'problem' : 'note';
  if (missing.length > 0) {
    return [finding('VFIO', state, `not loaded: ${missing.join(', ')}`, `modprobe -a ${missing.join(' ')}`)];
  }
  const node = join(root, 'dev/vfio/vfio');
  if (existsSync(node)) return [finding('VFIO', 'ok', `${VFIO_MODULES.join(', ')} loaded; ${node}`)];
  return [finding('VFIO', state, `${node} is missing`, 'udev should make it; in a container, pass it in')];
}

function checkNoiommu(root: string): Finding[] {
  const path = join(root, 'sys/module/vfio/parameters/enable_unsafe_noiommu_mode');
  if (readText(path) !== 'Y') return [];
  const hint = `devices without an IOMMU reach all memory; if none is meant to: echo N > ${path}`;
  return [finding('NOIOMMU', 'note', 'VFIO allows devices without an IOMMU', hint)];
}

function checkParents(root: string): Finding[] {
  const names = attempt('SPIMDEV', () => parentNames(root));
  if (!Array.isArray(names)) return [names];
  if (names.length === 0) {
    const hint = 'nothing to do, if there is no accelerator; otherwise load the module of its driver';
    return [finding('SPIMDEV', 'note', 'no parent device: the soft device serves', hint)];
  }
  return names.flatMap((name) => checkParent(name, root));
}

function checkParent(name: string, root: string): Finding[] {
  const subject = `parent ${name}`;
  const result = attempt(subject, () => {
    const parent = readParent(name, root);
    const mode = memoryModeOf(parent, { allowNoiommu: true });
    const sva = hasSva(parent.dmaFlag) ? '; SVA offered, not used' : '';
    const lists = (parent.dmaFlag & DMA_FLAG.scatterGather) === 0 ? '' : '; scatter-gather';
    const found = `SPIMDEV of ${parent.variant}; memory: ${mode}${sva}${lists}`;
    const needsPermission = mode === 'physical';
    const hint = 'it works with allow_noiommu = true only, through copies; an IOMMU makes it safe';
    const own = finding(subject, needsPermission ? 'note' : 'ok', found, needsPermission ? hint : undefined);
    return [own, ...readTypes(parent).map((type) => checkType(name, type))];
  });
  return Array.isArray(result) ? result : [result];
}

function checkType(parent: string, type: ReturnType<typeof readTypes>[number]): Finding {
  const subject = `type ${type.name}`;
  const driver = attempt(subject, () => driverOf(type.deviceApi));
  if ('subject' in driver) return driver;
  const found = `${type.available} hardware queues left; queues of ${type.deviceApi}`;
  if (type.available > 0) return finding(subject, 'ok', found);
  return finding(subject, 'note', found, `all queues of ${parent} are taken: tenants wait in line`);
}

function checkMdevs(root: string): Finding[] {
  const folder = join(root, 'sys/bus/mdev/devices');
  return list(folder).map((uuid) => {
    const link = join(folder, uuid, 'iommu_group');
    const subject = `mdev ${uuid.slice(0, 8)}`;
    const group = readLink(link);
    if (group === undefined) {
      return finding(subject, 'problem', `${link} is missing`, 'no VFIO driver is bound to it');
    }
    return finding(subject, 'ok', `group ${basename(group)}`);
  });
}

/** A group can be used if each of its devices is bound to a driver of VFIO's, or to none. */
function checkGroups(root: string): Finding[] {
  const nodes = list(join(root, 'dev/vfio')).filter((name) => name !== 'vfio' && name !== 'devices');
  return nodes.map((name) => {
    const subject = `group ${name}`;
    const path = join(root, 'dev/vfio', name);
    const strangers = strangersIn(name, root);
    if (strangers.length > 0) {
      const hint = 'bind them to a driver of VFIO, or unbind them: all devices of a group go together';
      return finding(subject, 'problem', `not viable: ${strangers.join(', ')}`, hint);
    }
    const { mode, uid } = statSync(path);
    if ((mode & 0o077) === 0 && uid === 0) return finding(subject, 'ok', 'viable; root only');
    const found = `viable; owner ${uid}, mode ${(mode & 0o777).toString(8)}`;
    const hint = `who may open ${path} can take the device from WarpDrive: chown root, chmod 600`;
    return finding(subject, 'note', found, hint);
  });
}

function checkMemlock(root: string): Finding[] {
  const limits = readText(join(root, 'proc/self/limits')) ?? '';
  const soft = /^Max locked memory\s+(\S+)/m.exec(limits)?.[1];
  const found = `${soft ?? 'unknown'}${soft === undefined || soft === 'unlimited' ? '' : ' bytes'}, for this shell`;
  const isEnough = soft === 'unlimited' || Number(soft) >= MEMLOCK_BYTES_MIN;
  if (isEnough || !hasParents(root)) return [finding('memlock', 'ok', found)];
  const hint =
    'regions are locked while a device may reach them: LimitMEMLOCK=infinity for the custodian, unless it is root';
  return [finding('memlock', 'note', found, hint)];
}

function checkHugepages(root: string): Finding[] {
  const meminfo = readText(join(root, 'proc/meminfo')) ?? '';
  const total = /^HugePages_Total:\s+(\d+)/m.exec(meminfo)?.[1];
  const found = `${total ?? 'unknown'} reserved`;
  if (!hasPhysicalParent(root)) return [finding('huge pages', 'ok', `${found}; WarpDrive needs none`)];
  const hint = 'a device without an IOMMU needs two of 2 MiB for each hardware queue: sysctl vm.nr_hugepages';
  return [finding('huge pages', total === '0' ? 'problem' : 'ok', found, total === '0' ? hint : undefined)];
}

function checkUacce(root: string): Finding[] {
  const names = list(join(root, 'sys/class/uacce'));
  if (names.length === 0) return [];
  return [finding('uacce', 'note', names.join(', '), 'WarpDrive has no driver for uacce devices yet')];
}

/** Whether this user may do what the custodian does. */
export function checkPermissions(root: string, uid: number): Finding[] {
  if (!hasParents(root)) return [];
  const node = join(root, 'dev/vfio/vfio');
  if (uid === 0) return [finding('permissions', 'ok', 'root, as the custodian has to be')];
  try {
    accessSync(node, constants.R_OK | constants.W_OK);
    return [finding('permissions', 'note', `uid ${uid} may open ${node}`)];
  } catch {
    const hint = 'nothing to do for tenants; the custodian runs as root';
    return [finding('permissions', 'note', `uid ${uid} has no access to devices`, hint)];
  }
}

export function finding(subject: string, state: FindingState, found: string, hint?: string): Finding {
  return hint === undefined ? { subject, state, found } : { subject, state, found, hint };
}

function hasParents(root: string): boolean {
  return list(join(root, 'sys/class/spimdev')).length > 0;
}

/** A parent without an IOMMU. */
function hasPhysicalParent(root: string): boolean {
  return list(join(root, 'sys/class/spimdev')).some((name) => {
    const mode = attempt('', () => memoryModeOf(readParent(name, root), { allowNoiommu: true }));
    return mode === 'physical';
  });
}

/** What a reader of sysfs refuses is a finding. */
function attempt<T>(subject: string, read: () => T): T | Finding {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof WarpError)) throw error;
    return finding(subject, 'problem', `${error.operation}: ${error.found}`, error.hint);
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
