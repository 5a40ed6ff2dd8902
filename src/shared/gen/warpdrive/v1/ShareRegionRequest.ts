// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Long } from '@grpc/proto-loader';

export interface ShareRegionRequest {
  'channel'?: (number | string | Long);
  'bytes'?: (number);
}

export interface ShareRegionRequest__Output {
  'channel': (number);
  'bytes': (number);
}
