// Encryption and decryption of data that is all there. A key is with the daemon only while its request runs: the
// session for it is opened before and released after, and the shared memory that held the data is wiped.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { WarpError } from '../../shared/errors.ts';
import { KEY_BYTES_MAX } from '../../shared/limits.ts';
import {
  cbcEncryptedBytes,
  GCM_IV_BYTES,
  PARAMETER_IV_BYTES,
  PARAMETER_TAG_BYTES,
} from '../../shared/operations.ts';
import type { Connection } from '../connection.ts';
import { type HelperResult, LOCAL } from './piece.ts';
import { type Job, runnerOf } from './runner.ts';

const ivBytes = { 'aes-256-gcm': GCM_IV_BYTES, 'aes-256-cbc': PARAMETER_IV_BYTES } as const;

export type CipherAlgorithm = keyof typeof ivBytes;

export interface CipherOptions {
  readonly algorithm: CipherAlgorithm;
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** 12 bytes for GCM, never twice with the same key; 16 for CBC. */
  readonly iv: Uint8Array;
  /** GCM: additional data, authenticated but not encrypted. */
  readonly aad?: Uint8Array;
}

export interface DecipherOptions extends CipherOptions {
  /** GCM: the 16 bytes that encryption returned. */
  readonly tag?: Uint8Array;
}

export interface EncryptResult extends HelperResult {
  /** GCM only. */
  readonly tag?: Buffer;
}

type Direction = 'encrypt' | 'decrypt';

const CBC_BLOCK_BYTES = 16;
/** What is done here without a turn of the event loop in between: about a millisecond's worth. */
const TURN_BYTES = 1024 * 1024;

/** Encrypts `data`, which must not be changed until this resolves. CBC pads it (PKCS #7). */
export async function encrypt(
  connection: Connection,
  options: CipherOptions,
  data: Uint8Array,
): Promise<EncryptResult> {
  check('encrypt', options);
  return (await runOnDevice(connection, 'encrypt', options, data)) ?? encryptLocally(options, data);
}

/** Decrypts `data`. Throws WRONG_TAG (GCM); BAD_LENGTH, or CORRUPT_INPUT for wrong padding (CBC). */
export async function decrypt(
  connection: Connection,
  options: DecipherOptions,
  data: Uint8Array,
): Promise<HelperResult> {
  check('decrypt', options);
  if (options.algorithm === 'aes-256-gcm')
    checkBytes('decrypt', 'tag', options.tag?.length, PARAMETER_TAG_BYTES);
  const isCut = data.length === 0 || data.length % CBC_BLOCK_BYTES !== 0;
  if (options.algorithm === 'aes-256-cbc' && isCut) {
    throw new WarpError('BAD_LENGTH', {
      operation: 'decrypt',
      found: `${data.length} bytes are not a positive number of blocks of ${CBC_BLOCK_BYTES}`,
    });
  }
  return (await runOnDevice(connection, 'decrypt', options, data)) ?? decryptLocally(options, data);
}

/** undefined if no device is there for it, or a request can't be that large. */
async function runOnDevice(
  connection: Connection,
  direction: Direction,
  { algorithm, key, iv, aad, tag }: DecipherOptions,
  input: Uint8Array,
): Promise<EncryptResult | undefined> {
  const runner = runnerOf(connection);
  const queue = await runner.queue(algorithm);
  const isPadded = algorithm === 'aes-256-cbc' && direction === 'encrypt';
  const outputBytes = isPadded ? cbcEncryptedBytes(input.length) : input.length;
  const inputBytes = input.length + (aad?.length ?? 0);
  if (queue === undefined || !runner.fits(queue, inputBytes, outputBytes)) return undefined;
  const session = await queue.openSession({ key });
  try {
    const job: Job<EncryptResult> = {
      operation: `${algorithm}-${direction}`,
      input,
      outputBytes,
      session,
      parameters: { iv, ...(tag !== undefined && { tag }) },
      isSecret: true,
      read: (output, completion) => ({
        data: Buffer.from(output),
        device: queue.device,
        ...(completion.tag !== undefined && { tag: completion.tag }),
      }),
      ...(aad !== undefined && { auxiliary: aad }),
    };
    return await runner.run(queue, job);
  } finally {
    await session.release();
  }
}

async function encryptLocally(
  { algorithm, key, iv, aad }: CipherOptions,
  data: Uint8Array,
): Promise<EncryptResult> {
  if (algorithm === 'aes-256-cbc') {
    return { data: await through(createCipheriv(algorithm, key, iv), data), device: LOCAL };
  }
  const cipher = createCipheriv(algorithm, key, iv, { authTagLength: PARAMETER_TAG_BYTES });
  if (aad !== undefined) cipher.setAAD(aad);
  const encrypted = await through(cipher, data);
  return { data: encrypted, tag: cipher.getAuthTag(), device: LOCAL };
}

async function decryptLocally(options: DecipherOptions, data: Uint8Array): Promise<HelperResult> {
  const { algorithm, key, iv, aad, tag } = options;
  const isGcm = algorithm === 'aes-256-gcm';
  try {
    if (!isGcm) return { data: await through(createDecipheriv(algorithm, key, iv), data), device: LOCAL };
    const decipher = createDecipheriv(algorithm, key, iv, { authTagLength: PARAMETER_TAG_BYTES });
    if (aad !== undefined) decipher.setAAD(aad);
    if (tag !== undefined) decipher.setAuthTag(tag);
    return { data: await through(decipher, data), device: LOCAL };
  } catch (cause) {
    // Key, IV and lengths were checked before: what is left is the tag or the padding.
    throw new WarpError(isGcm ? 'WRONG_TAG' : 'CORRUPT_INPUT', { operation: 'decrypt', cause });
  }
}

async function through(
  cipher: { update(data: Uint8Array): Buffer; final(): Buffer },
  data: Uint8Array,
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let at = 0; at < data.length; at += TURN_BYTES) {
    pieces.push(cipher.update(data.subarray(at, at + TURN_BYTES)));
    await nextTurn();
  }
  pieces.push(cipher.final());
  return Buffer.concat(pieces);
}

function check(direction: Direction, { algorithm, key, iv, aad }: CipherOptions): void {
  if (!Object.hasOwn(ivBytes, algorithm)) {
    const hint = `use one of ${Object.keys(ivBytes).join(', ')}`;
    throw invalid(direction, `the algorithm is "${algorithm as string}"`, hint);
  }
  checkBytes(direction, 'key', key.length, KEY_BYTES_MAX);
  checkBytes(direction, 'iv', iv.length, ivBytes[algorithm]);
  if (aad !== undefined && algorithm !== 'aes-256-gcm')
    throw invalid(direction, `aad is given for ${algorithm}`, 'only GCM authenticates additional data');
}

function checkBytes(direction: Direction, name: string, found: number | undefined, expected: number): void {
  if (found === expected) return;
  const what = found === undefined ? `no ${name} is given` : `${name} has ${found} bytes`;
  throw invalid(direction, what, `give ${expected} bytes as ${name}`);
}

function invalid(direction: Direction, found: string, hint: string): WarpError {
  return new WarpError('INVALID_ARGUMENT', { operation: direction, found, hint });
}
