// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Long } from '@grpc/proto-loader';

export interface Queue {
  'channel'?: (number | string | Long);
  'queue'?: (number);
  'tenant'?: (string);
  'pid'?: (number);
  'device'?: (string);
  'algorithm'?: (string);
  'depth'?: (number);
  'inFlight'?: (number);
  'completed'?: (number | string | Long);
}

export interface Queue__Output {
  'channel': (number);
  'queue': (number);
  'tenant': (string);
  'pid': (number);
  'device': (string);
  'algorithm': (string);
  'depth': (number);
  'inFlight': (number);
  'completed': (number);
}
