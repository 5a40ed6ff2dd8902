// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Queue as _warpdrive_v1_Queue, Queue__Output as _warpdrive_v1_Queue__Output } from '../../warpdrive/v1/Queue.ts';

export interface ListQueuesResponse {
  'queues'?: (_warpdrive_v1_Queue)[];
}

export interface ListQueuesResponse__Output {
  'queues': (_warpdrive_v1_Queue__Output)[];
}
