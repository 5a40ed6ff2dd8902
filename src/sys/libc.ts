// The C library, by FFI: the signature of every function that we call is in this file and nowhere else, since a
// wrong type here doesn't throw, it crashes. Each call takes microseconds, so nothing here is on a request's path.

import './main-thread.ts';
import { createExternalBuffer, DataType, type FieldType, type JsExternal, load, open } from 'ffi-rs';
import { WarpError } from '../shared/errors.ts';

const LIBRARY = 'c';

try {
  open({ library: LIBRARY, path: 'libc.so.6' });
} catch (cause) {
  throw new WarpError('UNSUPPORTED', {
    operation: 'load libc.so.6',
    found: `this is not a Linux with the GNU C library (${process.platform} ${process.arch})`,
    hint: 'run on Linux with glibc',
    cause,
  });
}

const { BigInt: BIGINT, External: EXTERNAL, I32, I64, String: STRING, U8Array: BYTES } = DataType;

const signatures = {
  connect: [I32, [I32, BYTES, I32]],
  fallocate: [I32, [I32, I32, I64, I64]],
  fcntl: [I32, [I32, I32, I64]],
  flock: [I32, [I32, I32]],
  ftruncate: [I32, [I32, I64]],
  getsockname: [I32, [I32, BYTES, BYTES]],
  getsockopt: [I32, [I32, I32, I32, BYTES, BYTES]],
  memfd_create: [I32, [STRING, I32]],
  mmap: [I64, [I64, I64, I32, I32, I32, I64]],
  munmap: [I32, [I64, I64]],
  poll: [I32, [BYTES, I64, I32]],
  prctl: [I32, [I32, I64, I64, I64, I64]],
  recvmsg: [I64, [I32, BYTES, I32]],
  sendmsg: [I64, [I32, BYTES, I32]],
  shutdown: [I32, [I32, I32]],
  socket: [I32, [I32, I32, I32]],
  socketpair: [I32, [I32, I32, I32, BYTES]],
  syscall: [I64, [I64, I64, I64, I64, I64]],
} as const satisfies Record<string, readonly [FieldType, readonly FieldType[]]>;

export type LibcFunction = keyof typeof signatures;
/** One value for each parameter: too few would crash. */
type Values<Types extends readonly unknown[]> = { readonly [Index in keyof Types]: number | string | Buffer };
export type LibcValues<Name extends LibcFunction> = Values<(typeof signatures)[Name][1]>;

export interface CallResult {
  readonly value: number;
  /** The error number, only meaningful where the function says so by its value. */
  readonly errno: number;
}

/** Calls a function of the table. Integers only; Buffers are passed as the address of their memory. */
export function callLibc<Name extends LibcFunction>(
  funcName: Name,
  ...paramsValue: LibcValues<Name>
): CallResult {
  const [retType, paramsType] = signatures[funcName];
  const { value, errnoCode } = load({
    library: LIBRARY,
    funcName,
    retType,
    paramsType: [...paramsType],
    paramsValue: [...paramsValue],
    errno: true,
  }) as { value: number; errnoCode: number };
  return { value, errno: errnoCode };
}

/** What threads of the pool have the addresses of: the library itself doesn't keep it from being collected. */
const lentToPool = new Set<Buffer>();

/** poll(2) on a thread of libuv's pool, for callers whose event loop must go on meanwhile. */
export async function pollInPool(pollfds: Buffer, count: number, timeoutMillis: number): Promise<number> {
  const [retType, paramsType] = signatures.poll;
  lentToPool.add(pollfds);
  try {
    return await load<typeof DataType.I32, undefined, true>({
      library: LIBRARY,
      funcName: 'poll',
      retType,
      paramsType: [...paramsType],
      paramsValue: [pollfds, count, timeoutMillis],
      runInNewThread: true,
    });
  } finally {
    lentToPool.delete(pollfds);
  }
}

/** ioctl(2). The argument is an integer, a string, or a Buffer that the kernel reads and writes in place. */
export function callIoctl(fd: number, request: number, argument: number | string | Buffer): CallResult {
  const argumentType = typeof argument === 'number' ? I64 : typeof argument === 'string' ? STRING : BYTES;
  const { value, errnoCode } = load({
    library: LIBRARY,
    funcName: 'ioctl',
    retType: I32,
    paramsType: [I32, I64, argumentType],
    paramsValue: [fd, request, argument],
    errno: true,
  }) as { value: number; errnoCode: number };
  return { value, errno: errnoCode };
}

/** The address of a Buffer's memory. It holds while the Buffer lives; small Buffers must not be pooled. */
export function addressOf(buffer: Buffer): bigint {
  return load({
    library: LIBRARY,
    funcName: 'memmove',
    retType: BIGINT,
    paramsType: [BYTES, BYTES, I64],
    paramsValue: [buffer, buffer, 0],
  }) as unknown as bigint;
}

/** A Buffer on memory at an address, without a copy. Nothing keeps the memory mapped for it. */
export function bufferAt(address: number, bytes: number): Buffer {
  const pointer: JsExternal = load({
    library: LIBRARY,
    funcName: 'memmove',
    retType: EXTERNAL,
    paramsType: [I64, I64, I64],
    paramsValue: [address, address, 0],
  });
  return createExternalBuffer(pointer, bytes);
}

/** Memory for a struct that the kernel reads: never in V8's heap, so that it doesn't move. */
export function structMemory(bytes: number): Buffer {
  return Buffer.from(new ArrayBuffer(bytes));
}
