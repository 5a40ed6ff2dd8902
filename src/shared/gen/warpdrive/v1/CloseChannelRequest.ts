// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Long } from '@grpc/proto-loader';

export interface CloseChannelRequest {
  'channel'?: (number | string | Long);
}

export interface CloseChannelRequest__Output {
  'channel': (number);
}
