// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Long } from '@grpc/proto-loader';

export interface ReadRegionRequest {
  'channel'?: (number | string | Long);
  'region'?: (number);
  'offset'?: (number);
  'bytes'?: (number);
}

export interface ReadRegionRequest__Output {
  'channel': (number);
  'region': (number);
  'offset': (number);
  'bytes': (number);
}
