// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Long } from '@grpc/proto-loader';

export interface WaitingCall {
  'channel'?: (number | string | Long);
  'tenant'?: (string);
  'pid'?: (number);
  'algorithm'?: (string);
  'position'?: (number);
  'waitedMillis'?: (number | string | Long);
}

export interface WaitingCall__Output {
  'channel': (number);
  'tenant': (string);
  'pid': (number);
  'algorithm': (string);
  'position': (number);
  'waitedMillis': (number);
}
