// What a process that runs foreign libraries on hostile input gives up for good, by seccomp(2): it may compute, and use
// the descriptors that it has. It opens no socket, starts no program, and reaches no other process, though these run as
// the same user. What is refused answers EPERM.
//
//     load the system call's architecture ---- another one --> refuse
//     load its number ---- refused, or of another ABI --> refuse
//                     |--- a signal ---- to itself --> allow
//                     |             \--- otherwise --> refuse
//                     \--- otherwise --> allow

import { WarpError } from '../shared/errors.ts';
import { mustCall } from './errno.ts';
import { addressOf, structMemory } from './libc.ts';

// <linux/prctl.h>, <linux/seccomp.h>, <linux/bpf_common.h>, <linux/audit.h>, <asm-generic/errno-base.h>
const PR_SET_NO_NEW_PRIVS = 38;
const SECCOMP_SET_MODE_FILTER = 1;
/** All threads of the process, those that Node has started too. */
const SECCOMP_FILTER_FLAG_TSYNC = 1;
const SECCOMP_RET_ALLOW = 0x7fff0000;
const SECCOMP_RET_EPERM = 0x00050000 | 1;
const LOAD_WORD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_AT_LEAST = 0x35;
const RETURN = 0x06;
/** struct seccomp_data */
const NUMBER_OFFSET = 0;
const ARCHITECTURE_OFFSET = 4;
/** The lower half of the first argument: both architectures are little-endian. */
const ARGUMENT_OFFSET = 16;
/** x86-64 takes the calls of its 32-bit-pointer ABI from here on; no architecture has calls of its own there. */
const FOREIGN_ABI = 0x40000000;
/** struct sock_filter, struct sock_fprog */
const INSTRUCTION_BYTES = 8;
const PROGRAM_BYTES = 16;
const PROGRAM_ADDRESS_OFFSET = 8;

interface Architecture {
  readonly audit: number;
  readonly seccomp: number;
  readonly refused: Readonly<Record<string, number>>;
  /** Whose first argument is a process. */
  readonly signals: Readonly<Record<string, number>>;
}

/** Since 5.1 new calls have the same number everywhere. */
const everywhere = {
  pidfd_send_signal: 424,
  io_uring_setup: 425,
  pidfd_open: 434,
  pidfd_getfd: 438,
};

/** <asm/unistd_64.h>, <asm-generic/unistd.h> */
const architectures: Readonly<Record<string, Architecture>> = {
  x64: {
    audit: 0xc000003e,
    seccomp: 317,
    refused: {
      ...everywhere,
      socket: 41,
      connect: 42,
      bind: 49,
      listen: 50,
      execve: 59,
      ptrace: 101,
      rt_sigqueueinfo: 129,
      tkill: 200,
      rt_tgsigqueueinfo: 297,
      open_by_handle_at: 304,
      process_vm_readv: 310,
      process_vm_writev: 311,
      execveat: 322,
    },
    signals: { kill: 62, tgkill: 234 },
  },
  arm64: {
    audit: 0xc00000b7,
    seccomp: 277,
    refused: {
      ...everywhere,
      ptrace: 117,
      tkill: 130,
      rt_sigqueueinfo: 138,
      socket: 198,
      bind: 200,
      listen: 201,
      connect: 203,
      execve: 221,
      rt_tgsigqueueinfo: 240,
      open_by_handle_at: 265,
      process_vm_readv: 270,
      process_vm_writev: 271,
      execveat: 281,
    },
    signals: { kill: 129, tgkill: 131 },
  },
};

/** Confines this process, with all its threads and whatever it starts, for as long as it lives. Throws UNSUPPORTED. */
export function confine(): void {
  const architecture = architectures[process.arch];
  if (architecture === undefined) {
    throw new WarpError('UNSUPPORTED', {
      operation: 'confine this process',
      found: `the system calls of ${process.arch} are not known`,
    });
  }
  const filter = filterOf(architecture);
  const program = structMemory(PROGRAM_BYTES);
  program.writeUInt16LE(filter.length / INSTRUCTION_BYTES);
  program.writeBigUInt64LE(addressOf(filter), PROGRAM_ADDRESS_OFFSET);
  mustCall('forbid new privileges', 'prctl', PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const flags = SECCOMP_FILTER_FLAG_TSYNC;
  const address = Number(addressOf(program));
  mustCall(
    'confine this process',
    'syscall',
    architecture.seccomp,
    SECCOMP_SET_MODE_FILTER,
    flags,
    address,
    0,
  );
}

function filterOf({ audit, refused, signals }: Architecture): Buffer {
  const refusedNumbers = Object.values(refused);
  const signalNumbers = Object.values(signals);
  type Instruction = [code: number, ifTrue: number, ifFalse: number, value: number];
  const end: Instruction[] = [
    [RETURN, 0, 0, SECCOMP_RET_ALLOW],
    // Where a signal goes on, and where everything refused does.
    [LOAD_WORD, 0, 0, ARGUMENT_OFFSET],
    [JUMP_IF_EQUAL, 0, 1, process.pid],
    [RETURN, 0, 0, SECCOMP_RET_ALLOW],
    [RETURN, 0, 0, SECCOMP_RET_EPERM],
  ];
  const [toSignals, toRefuse] = [1, 4];
  const tests = [
    ...refusedNumbers.map((number) => [number, toRefuse] as const),
    ...signalNumbers.map((number) => [number, toSignals] as const),
  ];
  /** A jump goes over so many instructions. */
  const instructions: Instruction[] = [
    [LOAD_WORD, 0, 0, ARCHITECTURE_OFFSET],
    [JUMP_IF_EQUAL, 0, tests.length + 2 + toRefuse, audit],
    [LOAD_WORD, 0, 0, NUMBER_OFFSET],
    [JUMP_IF_AT_LEAST, tests.length + toRefuse, 0, FOREIGN_ABI],
    ...tests.map(
      ([number, to], index): Instruction => [JUMP_IF_EQUAL, tests.length - 1 - index + to, 0, number],
    ),
    ...end,
  ];
  const bytes = structMemory(instructions.length * INSTRUCTION_BYTES);
  for (const [index, [code, ifTrue, ifFalse, value]] of instructions.entries()) {
    const at = index * INSTRUCTION_BYTES;
    bytes.writeUInt16LE(code, at);
    bytes.writeUInt8(ifTrue, at + 2);
    bytes.writeUInt8(ifFalse, at + 3);
    bytes.writeUInt32LE(value, at + 4);
  }
  return bytes;
}
