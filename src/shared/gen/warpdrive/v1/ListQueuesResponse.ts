// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Queue as _warpdrive_v1_Queue, Queue__Output as _warpdrive_v1_Queue__Output } from '../../warpdrive/v1/Queue.ts';
import type { WaitingCall as _warpdrive_v1_WaitingCall, WaitingCall__Output as _warpdrive_v1_WaitingCall__Output } from '../../warpdrive/v1/WaitingCall.ts';

export interface ListQueuesResponse {
  'queues'?: (_warpdrive_v1_Queue)[];
  'waiting'?: (_warpdrive_v1_WaitingCall)[];
}

export interface ListQueuesResponse__Output {
  'queues': (_warpdrive_v1_Queue__Output)[];
  'waiting': (_warpdrive_v1_WaitingCall__Output)[];
}
