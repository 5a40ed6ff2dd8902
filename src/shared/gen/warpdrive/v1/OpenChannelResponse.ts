// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Long } from '@grpc/proto-loader';

export interface OpenChannelResponse {
  'channel'?: (number | string | Long);
  'token'?: (Buffer | Uint8Array | string);
  'resumeSecret'?: (Buffer | Uint8Array | string);
  'bytes'?: (number);
}

export interface OpenChannelResponse__Output {
  'channel': (number);
  'token': (Buffer);
  'resumeSecret': (Buffer);
  'bytes': (number);
}
