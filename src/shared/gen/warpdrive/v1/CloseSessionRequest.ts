// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Long } from '@grpc/proto-loader';

export interface CloseSessionRequest {
  'channel'?: (number | string | Long);
  'session'?: (number);
}

export interface CloseSessionRequest__Output {
  'channel': (number);
  'session': (number);
}
