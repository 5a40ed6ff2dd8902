// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Long } from '@grpc/proto-loader';

export interface Usage {
  'resource'?: (string);
  'used'?: (number | string | Long);
  'limit'?: (number | string | Long);
}

export interface Usage__Output {
  'resource': (string);
  'used': (number);
  'limit': (number);
}
