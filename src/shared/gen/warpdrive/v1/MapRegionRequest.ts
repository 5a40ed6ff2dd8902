// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Long } from '@grpc/proto-loader';

export interface MapRegionRequest {
  'channel'?: (number | string | Long);
  'queue'?: (number);
  'region'?: (number);
}

export interface MapRegionRequest__Output {
  'channel': (number);
  'queue': (number);
  'region': (number);
}
