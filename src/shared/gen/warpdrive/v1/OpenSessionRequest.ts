// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Long } from '@grpc/proto-loader';

export interface OpenSessionRequest {
  'channel'?: (number | string | Long);
  'algorithm'?: (string);
  'level'?: (number);
  'key'?: (Buffer | Uint8Array | string);
  'parameters'?: "level"|"key";
}

export interface OpenSessionRequest__Output {
  'channel': (number);
  'algorithm': (string);
  'level'?: (number);
  'key'?: (Buffer);
  'parameters'?: "level"|"key";
}
