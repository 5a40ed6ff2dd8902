// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Long } from '@grpc/proto-loader';

export interface ReleaseQueueRequest {
  'channel'?: (number | string | Long);
  'queue'?: (number);
}

export interface ReleaseQueueRequest__Output {
  'channel': (number);
  'queue': (number);
}
