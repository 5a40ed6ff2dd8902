// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Long } from '@grpc/proto-loader';

export interface MapRegionResponse {
  'address'?: (number | string | Long);
}

export interface MapRegionResponse__Output {
  'address': (number);
}
