// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Long } from '@grpc/proto-loader';

export interface RevokeLeaseRequest {
  'channel'?: (number | string | Long);
  'queue'?: (number);
  'graceMillis'?: (number);
}

export interface RevokeLeaseRequest__Output {
  'channel': (number);
  'queue': (number);
  'graceMillis': (number);
}
