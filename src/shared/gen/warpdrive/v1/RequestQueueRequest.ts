// Original file: proto/warpdrive/v1/warpdrive.proto

import type { QueueMode as _warpdrive_v1_QueueMode, QueueMode__Output as _warpdrive_v1_QueueMode__Output } from '../../warpdrive/v1/QueueMode.ts';
import type { Long } from '@grpc/proto-loader';

export interface RequestQueueRequest {
  'channel'?: (number | string | Long);
  'algorithm'?: (string);
  'device'?: (string);
  'mode'?: (_warpdrive_v1_QueueMode);
  'depth'?: (number);
  'waitMillis'?: (number);
}

export interface RequestQueueRequest__Output {
  'channel': (number);
  'algorithm': (string);
  'device': (string);
  'mode': (_warpdrive_v1_QueueMode__Output);
  'depth': (number);
  'waitMillis': (number);
}
