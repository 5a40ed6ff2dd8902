// Asks for channels as any client does, then becomes the hostile program: tokens are bound to the process that asked, and
// execv(2) keeps its number and start time. Arguments: runtime folder, program, seed, entries, channels, uid ('' for
// the caller's).

import { join } from 'node:path';
import { Control, unixEndpoint } from '../../../src/client/control.ts';
import {
  type AlgorithmName,
  algorithmNames,
  operations,
  sessionKind,
} from '../../../src/shared/operations.ts';
import { FD_SOCKET, GRPC_SOCKET } from '../../../src/shared/runtime-paths.ts';
import { execute } from './exec.ts';

/** The last is where the program keeps gzip members: BLOCKS_MAX blocks of BLOCK_BYTES. */
const REGION_BYTES = [64 * 1024, 128 * 1024];
const SLOTS = [4, 64, 256, 1024, 4096];

const [runtimeDir = '', program = '', seed = '', entries = '', channels = '', uid = ''] =
  process.argv.slice(2);

// All modules are loaded: from here on the process needs nothing that only its first user may read.
if (uid !== '') {
  process.setgroups?.([]);
  process.setgid?.(Number(uid));
  process.setuid?.(Number(uid));
}

const control = new Control(unixEndpoint(join(runtimeDir, GRPC_SOCKET)), 10_000);
// All at once: tokens are good for five seconds, also where the processors have much else to do.
const opened = await Promise.all(Array.from({ length: Number(channels) }, (_, index) => openChannel(index)));
execute(program, join(runtimeDir, FD_SOCKET), seed, entries, ...opened);

/** A channel with everything on it, as the program takes it: numbers and tokens. */
async function openChannel(index: number): Promise<string> {
  const slots = SLOTS[(Number(seed) + index) % SLOTS.length] as number;
  const { channel, token, bytes } = await control.call('OpenChannel', { slots }, 'open a channel');
  const served = Promise.all(algorithmNames.map((algorithm) => openQueue(channel, algorithm)));
  const regions = Promise.all(REGION_BYTES.map((bytes) => openRegion(channel, bytes)));
  return `${token.toString('hex')}/${bytes} ${(await served).flat().join(',')} ${(await regions).join(',')}`;
}

/** The algorithm's operations, each with queue and session. */
async function openQueue(channel: number, algorithm: AlgorithmName): Promise<string[]> {
  const device = algorithm === 'nop' ? 'null0' : '';
  const [{ queue }, session] = await Promise.all([
    control.call('RequestQueue', { channel, algorithm, device }, `request a queue for ${algorithm}`),
    openSession(channel, algorithm),
  ]);
  return Object.values(operations)
    .filter((operation) => operation.algorithm === algorithm)
    .map(({ number }) => `${number}=${queue}.${session}`);
}

async function openSession(channel: number, algorithm: AlgorithmName): Promise<number> {
  const kind = sessionKind(algorithm);
  if (kind === 'none') return 0;
  const parameters = kind === 'level' ? { level: 1 } : { key: Buffer.alloc(32, 7) };
  const request = { channel, algorithm, ...parameters };
  return (await control.call('OpenSession', request, `open a session for ${algorithm}`)).session;
}

async function openRegion(channel: number, bytes: number): Promise<string> {
  const { region, token } = await control.call('ShareRegion', { channel, bytes }, 'share a region');
  return `${region}=${bytes}.${token.toString('hex')}`;
}
