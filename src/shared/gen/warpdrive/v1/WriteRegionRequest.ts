// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Long } from '@grpc/proto-loader';

export interface WriteRegionRequest {
  'channel'?: (number | string | Long);
  'region'?: (number);
  'offset'?: (number);
  'data'?: (Buffer | Uint8Array | string);
}

export interface WriteRegionRequest__Output {
  'channel': (number);
  'region': (number);
  'offset': (number);
  'data': (Buffer);
}
