// Our contestant on the soft device: blocks of data that lie in a region are compressed, hashed or encrypted, 16 in
// flight. Arguments: runtime folder, operation (a name of `jobs`), bytes of a block.

import { createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type Completion, connect, type Connection, type Queue, type Region, type Request } from 'warpdrive';
import { compressedBytesMax } from '../../src/shared/operations.ts';
import { GZIP_LEVEL, IN_FLIGHT, readBlocks } from '../blocks.ts';
import { keepInFlight } from '../lanes.ts';
import { serveTurns } from '../turns.ts';

/** What a lane works with: its request, sent again and again, and where its output lies. */
interface Lane {
  request: Request & { source: { region: Region; offset: number; bytes: number } };
  readonly output: Buffer;
}

/** What an operation needs beyond source and destination, and how its output is checked. */
interface Job {
  readonly algorithm: 'gzip' | 'sha-256' | 'aes-256-gcm';
  outputBytes(blockBytes: number): number;
  /** The parameters that requests have in common. */
  prepare(queue: Queue): Promise<Pick<Request, 'session'>>;
  /** The parameters of one lane's requests; what it returns is called before each of them. */
  equip?(lane: Lane): () => void;
  check(block: Buffer, lane: Lane, completion: Completion): void;
}

const key = randomBytes(32);

const jobs = {
  'gzip-compress': {
    algorithm: 'gzip',
    outputBytes: compressedBytesMax,
    prepare: async (queue) => ({ session: await queue.openSession({ level: GZIP_LEVEL }) }),
    check: (block, { output }, { produced }) => mustEqual(gunzipSync(output.subarray(0, produced)), block),
  },
  'sha-256': {
    algorithm: 'sha-256',
    outputBytes: () => 32,
    prepare: async () => ({}),
    check: (block, { output }) =>
      mustEqual(output.subarray(0, 32), createHash('sha256').update(block).digest()),
  },
  'aes-256-gcm-encrypt': {
    algorithm: 'aes-256-gcm',
    outputBytes: (blockBytes) => blockBytes,
    prepare: async (queue) => ({ session: await queue.openSession({ key }) }),
    equip: (lane) => {
      const iv = randomBytes(12);
      lane.request.iv = iv;
      let sealed = 0;
      return () => void iv.writeUInt32LE(sealed++);
    },
    check: (block, { request, output }, { produced, tag }) => {
      const decipher = createDecipheriv('aes-256-gcm', key, request.iv ?? '');
      decipher.setAuthTag(tag ?? Buffer.alloc(0));
      mustEqual(Buffer.concat([decipher.update(output.subarray(0, produced)), decipher.final()]), block);
    },
  },
} as const satisfies Readonly<Record<string, Job>>;

const [runtimeDir = '', operation = '', blockBytesText = ''] = process.argv.slice(2);
if (!isJob(operation)) throw new Error(`no job for the operation "${operation}"`);
const job: Job = jobs[operation];
const blocks = readBlocks(Number(blockBytesText));
const blockBytes = Number(blockBytesText);

const connection = await connect({ runtimeDir });
const queue = await connection.requestQueue({ algorithm: job.algorithm, mode: 'shared', depth: IN_FLIGHT });
const lanes = await createLanes(connection, queue);
const beforeEach = lanes.map((lane) => job.equip?.(lane) ?? (() => {}));
await checkOutputs();
const workers = await countWorkers(connection);
/** What node:zlib makes of each block at the same level: what our output is measured by. */
const zlibBytes = blocks.map((block) =>
  job.algorithm === 'gzip' ? gzipSync(block, { level: GZIP_LEVEL }).length : 1,
);

await serveTurns(
  async (millis) => {
    let produced = 0;
    let expected = 0;
    const rate = await keepInFlight(IN_FLIGHT, millis, async (lane, index) => {
      const completion = await submitBlock(lane, index % blocks.length);
      produced += completion.produced;
      expected += zlibBytes[index % blocks.length] ?? 0;
      return blockBytes;
    });
    return { rate, outputShare: produced / expected };
  },
  { workers: String(workers) },
);
await connection.close();

function isJob(name: string): name is keyof typeof jobs {
  return Object.hasOwn(jobs, name);
}

/** One region for all blocks, which all lanes read, and one for the output of each lane. */
async function createLanes(connection: Connection, queue: Queue): Promise<Lane[]> {
  const outputBytes = job.outputBytes(blockBytes);
  const outputStride = Math.ceil(outputBytes / 4096) * 4096;
  const sources = await connection.share(blocks.length * blockBytes);
  const destinations = await connection.share(IN_FLIGHT * outputStride);
  for (const [index, block] of blocks.entries()) block.copy(sources.buffer, index * blockBytes);
  const common = await job.prepare(queue);
  return Array.from({ length: IN_FLIGHT }, (_, lane) => {
    const offset = lane * outputStride;
    return {
      request: {
        operation: operation as keyof typeof jobs,
        source: { region: sources, offset: 0, bytes: blockBytes },
        destination: { region: destinations, offset, bytes: outputBytes },
        ...common,
      },
      output: destinations.buffer.subarray(offset, offset + outputBytes),
    };
  });
}

function submitBlock(laneIndex: number, blockIndex: number): Promise<Completion> {
  const lane = lanes[laneIndex];
  if (lane === undefined) throw new Error(`no lane ${laneIndex}`);
  lane.request.source.offset = blockIndex * blockBytes;
  beforeEach[laneIndex]?.();
  return queue.submit(lane.request);
}

/** Each block once, looked at: a fast wrong answer is no result. */
async function checkOutputs(): Promise<void> {
  const [lane] = lanes;
  for (const [index, block] of blocks.entries()) {
    const completion = await submitBlock(0, index);
    if (lane !== undefined) job.check(block, lane, completion);
  }
}

async function countWorkers(connection: Connection): Promise<number> {
  const devices = await connection.devices();
  const device = devices.find(({ name }) => name === queue.device);
  if (device === undefined) throw new Error(`device "${queue.device}" is not listed`);
  return device.hardwareQueues;
}

function mustEqual(found: Buffer, expected: Buffer): void {
  if (!found.equals(expected)) throw new Error(`${operation}: the output is wrong`);
}
