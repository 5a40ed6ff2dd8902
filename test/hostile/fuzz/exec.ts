// execv(2), by FFI: this process goes on as another program, with the same number and start time. The daemon's product
// code has no need of it, so its signature is here and not in src/sys/libc.ts.

import { DataType, load } from 'ffi-rs';
import { mustCall } from '../../../src/sys/errno.ts';
import { addressOf, structMemory } from '../../../src/sys/libc.ts';

const POINTER_BYTES = 8;
const F_SETFD = 2; // fcntl(2), <fcntl.h>

/** Returns only by throwing. `file` is the program's path and its argument 0. */
export function execute(file: string, ...rest: readonly string[]): never {
  const strings = [file, ...rest].map((text) => {
    const bytes = structMemory(Buffer.byteLength(text) + 1);
    bytes.write(text);
    return bytes;
  });
  const pointers = structMemory((strings.length + 1) * POINTER_BYTES);
  for (const [index, string] of strings.entries())
    pointers.writeBigUInt64LE(addressOf(string), index * POINTER_BYTES);
  // Node has marked what it inherited as close-on-exec, standard output among it.
  for (const fd of [0, 1, 2]) mustCall('keep standard input and output', 'fcntl', fd, F_SETFD, 0);
  // libc.ts has opened the library.
  const { errnoCode } = load({
    library: 'c',
    funcName: 'execv',
    retType: DataType.I32,
    paramsType: [DataType.U8Array, DataType.U8Array],
    paramsValue: [strings[0] as Buffer, pointers],
    errno: true,
  }) as unknown as { errnoCode: number };
  throw new Error(`could not execute ${file}: errno ${errnoCode}`);
}
