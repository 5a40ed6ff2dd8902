// One virtual machine: booted from nothing, runs one script, and is gone again in seconds. Software emulation always,
// so that it is the same machine on every host; an emulated IOMMU, so that DMA is really translated.

import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { DebianKernel } from './debian-kernel.ts';
import { projectFolder } from './folders.ts';

/** QEMU's exit code for the value 0x15 that init.sh writes. A panic exits with 0, a reset too. */
const EXIT_DONE = (0x15 << 1) | 1;
const DEBUG_EXIT_PORT = 0xf4;
const MEMORY_MEBIBYTES_DEFAULT = 1024;
const SHARE_OPTIONS = 'security_model=none,multidevs=remap';

/** What a kernel that is unwell says on its console, whether or not it went on. */
const COMPLAINTS =
  /\b(?:Kernel panic|WARNING:|BUG:|Oops|Call Trace|general protection fault|UBSAN|KASAN|refcount_t)/;

export interface GuestOptions {
  readonly kernel: DebianKernel;
  readonly initramfs: string;
  /** The folder that is the guest's file system, read-only; the host's own by default. */
  readonly root?: string;
  readonly memoryMebibytes?: number;
  /** A folder of its own: run.sh and whatever it leaves; console.log, qemu.log. */
  readonly exchange: string;
  /** A folder whose files are put there first. */
  readonly files?: string;
  /** What the guest runs as root, by /bin/sh. */
  readonly script: string;
  /** More of QEMU's options: devices. */
  readonly devices: readonly string[];
  readonly hasIommu: boolean;
  readonly limitMillis: number;
}

/** Runs a guest to its end. Throws, with the end of its console, if it ended in any other way than as agreed. */
export async function runGuest(options: GuestOptions): Promise<void> {
  const { exchange } = options;
  await rm(exchange, { recursive: true, force: true });
  await mkdir(exchange, { recursive: true });
  if (options.files !== undefined) await cp(options.files, exchange, { recursive: true });
  await writeFile(join(exchange, 'run.sh'), options.script);
  const qemu = spawn('qemu-system-x86_64', qemuArguments(options), { stdio: ['ignore', 'pipe', 'pipe'] });
  // Whoever gives the tests up gives the machine up, too.
  const kill = (): unknown => qemu.kill('SIGKILL');
  process.once('exit', kill);
  const logs = Promise.all([
    pipeline(qemu.stdout, createWriteStream(join(exchange, 'console.log'))),
    pipeline(qemu.stderr, createWriteStream(join(exchange, 'qemu.log'))),
  ]);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    kill();
  }, options.limitMillis);
  const code = await new Promise<number | null>((resolve, reject) => {
    qemu.once('error', reject);
    qemu.once('exit', resolve);
  });
  clearTimeout(timer);
  process.off('exit', kill);
  await logs;
  const console = await readFile(join(exchange, 'console.log'), 'utf8');
  const complaint = COMPLAINTS.exec(console)?.[0];
  if (isLate) throw guestError(`it did not end within ${options.limitMillis} ms`, exchange, console);
  if (complaint !== undefined) throw guestError(`its kernel complained: ${complaint}`, exchange, console);
  if (code !== EXIT_DONE) throw guestError(`QEMU ended with ${code}, not ${EXIT_DONE}`, exchange, console);
}

function guestError(found: string, exchange: string, console: string): Error {
  const end = console.split('\n').slice(-40).join('\n');
  return new Error(`the guest failed: ${found}; see ${exchange}. The end of its console:\n${end}`);
}

function qemuArguments(options: GuestOptions): string[] {
  const { kernel, initramfs, exchange, devices, hasIommu, root = '/' } = options;
  const { memoryMebibytes = MEMORY_MEBIBYTES_DEFAULT } = options;
  const words = [
    `intel_iommu=${hasIommu ? 'on' : 'off'}`,
    'quiet nokaslr mitigations=off tsc=reliable no_timer_check cryptomgr.notests console=ttyS0',
    'oops=panic panic_on_warn=1 panic=-1',
    `wd.project=${projectFolder}`,
  ];
  return [
    ['-accel', 'tcg,thread=multi', '-machine', 'q35,kernel-irqchip=split', '-cpu', 'max', '-smp', '2'],
    ['-m', String(memoryMebibytes), '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ['-serial', 'stdio', '-device', `isa-debug-exit,iobase=${DEBUG_EXIT_PORT},iosize=4`],
    // 48 address bits: with the default of 39 no process address would do as an IOVA.
    hasIommu ? ['-device', 'intel-iommu,intremap=on,aw-bits=48'] : [],
    ['-kernel', kernel.vmlinux, '-initrd', initramfs, '-append', words.join(' ')],
    share('root', root, 'on'),
    share('project', projectFolder, 'on'),
    share('exchange', exchange, 'off'),
    devices,
  ].flat();
}

function share(tag: string, path: string, readonly: 'on' | 'off'): string[] {
  // A comma ends a value in QEMU's options, two are one.
  const escaped = path.replaceAll(',', ',,');
  const id = `share-${tag}`;
  return [
    '-fsdev',
    `local,id=${id},path=${escaped},readonly=${readonly},${SHARE_OPTIONS}`,
    '-device',
    `virtio-9p-pci,fsdev=${id},mount_tag=${tag}`,
  ];
}
