// WarpDrive's SDK: the public interface of the package.

export {
  type ConnectOptions,
  type Connection,
  connect,
  type DeviceInfo,
  type QueueInfo,
  type QueueOptions,
  type StatusInfo,
} from './connection.ts';
export type { Queue } from './queue.ts';
export type { Region } from './region.ts';
export type { Completion, Range, Request } from './request.ts';
export type { Session, SessionOptions } from './session.ts';
export { type ErrorCode, WarpError } from '../shared/errors.ts';
export type { AlgorithmName, OperationName } from '../shared/operations.ts';
