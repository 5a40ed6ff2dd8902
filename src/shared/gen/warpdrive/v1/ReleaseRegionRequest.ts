// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Long } from '@grpc/proto-loader';

export interface ReleaseRegionRequest {
  'channel'?: (number | string | Long);
  'region'?: (number);
}

export interface ReleaseRegionRequest__Output {
  'channel': (number);
  'region': (number);
}
