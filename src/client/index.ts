// WarpDrive's SDK: the public interface of the package.

export {
  Administration,
  type AdministrationOptions,
  type MdevInfo,
  type TenantInfo,
} from './administration.ts';
export { type ConnectOptions, connect } from './connect.ts';
export type { Connection, DeviceInfo, QueueInfo, StatusInfo } from './connection.ts';
export type { DirectQueue } from './direct-queue.ts';
export type { QueueOptions } from './queue-request.ts';
export type { Queue } from './queue.ts';
export type { Region } from './region.ts';
export type { Completion, Range, Request } from './request.ts';
export type { Session, SessionOptions } from './session.ts';
export type { TlsFiles } from './control.ts';
export type { TransportName } from './transport.ts';
export { type ErrorCode, WarpError } from '../shared/errors.ts';
export type { AlgorithmName, OperationName } from '../shared/operations.ts';
export {
  type CipherAlgorithm,
  type CipherOptions,
  type DecipherOptions,
  decrypt,
  encrypt,
  type EncryptResult,
} from './helpers/ciphers.ts';
export { createGunzip, gunzip, type GunzipOptions } from './helpers/gunzip.ts';
export { createGzip, gzip, type GzipOptions, type GzipStreamOptions } from './helpers/gzip.ts';
export { hash, type HashAlgorithm } from './helpers/hash.ts';
export type { HelperResult } from './helpers/piece.ts';
export type { HelperStream } from './helpers/stream.ts';
