// What the demo does: each operation through WarpDrive and with node alone, and how the two results are compared.
// What turns something back takes what the other of the two made.

import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type Connection, gunzip, gzip, hash, type OperationName } from '../src/client/index.ts';
import type { CipherInput, CipherName, DeviceCipher } from './ciphers.ts';

const LEVEL = 6;

/** What an operation works on: one file, with parameters of its own. */
export interface Item {
  readonly name: string;
  readonly data: Buffer;
  readonly gcmIv: Buffer;
  readonly cbcIv: Buffer;
  /** Additional authenticated data. */
  readonly aad: Buffer;
  /** By operation and who made it: 'gzip ours', 'gzip alone'. */
  readonly results: Map<string, Result>;
}

interface Result {
  readonly data: Buffer;
  readonly tag?: Buffer | undefined;
}

/** What all files of a client share. */
export interface Bench {
  readonly connection: Connection;
  readonly key: Buffer;
  readonly ciphers: Readonly<Record<CipherName, DeviceCipher>>;
}

/** `lane`: files that are under way at once have different ones. */
type Ours = (bench: Bench, item: Item, lane: number) => Promise<Result & { readonly device: string }>;

export interface Operation {
  readonly name: string;
  /** As the report calls it. */
  readonly title: string;
  /** As devices call it: for the library that serves it. */
  readonly deviceOperation: string;
  readonly ours: Ours;
  readonly alone: (bench: Bench, item: Item) => Result;
  /** Whether every byte of our result is right. */
  readonly isRight: (item: Item) => boolean;
}

function resultOf({ results }: Item, operation: string, maker: 'ours' | 'alone'): Result {
  const result = results.get(`${operation} ${maker}`);
  if (result === undefined) throw new Error(`"${operation}" has to be done before`);
  return result;
}

async function onDevice(
  cipher: DeviceCipher,
  operation: OperationName,
  input: CipherInput,
): ReturnType<Ours> {
  return { ...(await cipher.run(operation, input)), device: cipher.device };
}

function tagOf({ tag }: Result): Buffer {
  if (tag === undefined) throw new Error('an encryption with GCM gives a tag');
  return tag;
}

const gzipOperation: Operation = {
  name: 'gzip',
  title: `gzip level ${LEVEL}`,
  deviceOperation: 'gzip-compress',
  ours: ({ connection }, { data }) => gzip(connection, data, { level: LEVEL }),
  alone: (_bench, { data }) => ({ data: gzipSync(data, { level: LEVEL }) }),
  // Compressors differ in what they make; it has to become the same again.
  isRight: (item) => gunzipSync(resultOf(item, 'gzip', 'ours').data).equals(item.data),
};

const gunzipOperation: Operation = {
  name: 'gunzip',
  title: 'gunzip',
  deviceOperation: 'gzip-decompress',
  ours: ({ connection }, item) => gunzip(connection, resultOf(item, 'gzip', 'alone').data),
  alone: (_bench, item) => ({ data: gunzipSync(resultOf(item, 'gzip', 'ours').data) }),
  isRight: (item) => resultOf(item, 'gunzip', 'ours').data.equals(item.data),
};

const gcmEncryption: Operation = {
  name: 'gcm-encrypt',
  title: 'AES-256-GCM encrypt',
  deviceOperation: 'aes-256-gcm-encrypt',
  ours: ({ ciphers }, { data, gcmIv: iv, aad }, lane) =>
    onDevice(ciphers['aes-256-gcm'], 'aes-256-gcm-encrypt', { lane, data, iv, aad }),
  alone: ({ key }, { data, gcmIv, aad }) => {
    const cipher = createCipheriv('aes-256-gcm', key, gcmIv).setAAD(aad);
    return { data: Buffer.concat([cipher.update(data), cipher.final()]), tag: cipher.getAuthTag() };
  },
  isRight: (item) => {
    const ours = resultOf(item, 'gcm-encrypt', 'ours');
    const alone = resultOf(item, 'gcm-encrypt', 'alone');
    return ours.data.equals(alone.data) && tagOf(ours).equals(tagOf(alone));
  },
};

const gcmDecryption: Operation = {
  name: 'gcm-decrypt',
  title: 'AES-256-GCM decrypt',
  deviceOperation: 'aes-256-gcm-decrypt',
  ours: ({ ciphers }, item, lane) => {
    const sealed = resultOf(item, 'gcm-encrypt', 'alone');
    const input = { lane, data: sealed.data, iv: item.gcmIv, aad: item.aad, tag: tagOf(sealed) };
    return onDevice(ciphers['aes-256-gcm'], 'aes-256-gcm-decrypt', input);
  },
  alone: ({ key }, item) => {
    const sealed = resultOf(item, 'gcm-encrypt', 'ours');
    const decipher = createDecipheriv('aes-256-gcm', key, item.gcmIv);
    decipher.setAAD(item.aad).setAuthTag(tagOf(sealed));
    return { data: Buffer.concat([decipher.update(sealed.data), decipher.final()]) };
  },
  isRight: (item) => resultOf(item, 'gcm-decrypt', 'ours').data.equals(item.data),
};

const cbcEncryption: Operation = {
  name: 'cbc-encrypt',
  title: 'AES-256-CBC encrypt',
  deviceOperation: 'aes-256-cbc-encrypt',
  ours: ({ ciphers }, { data, cbcIv: iv }, lane) =>
    onDevice(ciphers['aes-256-cbc'], 'aes-256-cbc-encrypt', { lane, data, iv }),
  alone: ({ key }, { data, cbcIv }) => {
    const cipher = createCipheriv('aes-256-cbc', key, cbcIv);
    return { data: Buffer.concat([cipher.update(data), cipher.final()]) };
  },
  isRight: (item) => isSame(item, 'cbc-encrypt'),
};

const cbcDecryption: Operation = {
  name: 'cbc-decrypt',
  title: 'AES-256-CBC decrypt',
  deviceOperation: 'aes-256-cbc-decrypt',
  ours: ({ ciphers }, item, lane) => {
    const { data } = resultOf(item, 'cbc-encrypt', 'alone');
    return onDevice(ciphers['aes-256-cbc'], 'aes-256-cbc-decrypt', { lane, data, iv: item.cbcIv });
  },
  alone: ({ key }, item) => {
    const { data } = resultOf(item, 'cbc-encrypt', 'ours');
    const decipher = createDecipheriv('aes-256-cbc', key, item.cbcIv);
    return { data: Buffer.concat([decipher.update(data), decipher.final()]) };
  },
  isRight: (item) => resultOf(item, 'cbc-decrypt', 'ours').data.equals(item.data),
};

function hashing(name: 'sha-256' | 'sha-512', nodeName: string): Operation {
  return {
    name,
    title: name.toUpperCase(),
    deviceOperation: name,
    ours: ({ connection }, { data }) => hash(connection, name, data),
    alone: (_bench, { data }) => ({ data: createHash(nodeName).update(data).digest() }),
    isRight: (item) => isSame(item, name),
  };
}

function isSame(item: Item, operation: string): boolean {
  return resultOf(item, operation, 'ours').data.equals(resultOf(item, operation, 'alone').data);
}

/** In the order in which they run. */
export const operations: readonly Operation[] = [
  gzipOperation,
  gunzipOperation,
  gcmEncryption,
  gcmDecryption,
  cbcEncryption,
  cbcDecryption,
  hashing('sha-256', 'sha256'),
  hashing('sha-512', 'sha512'),
];
