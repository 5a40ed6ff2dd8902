// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Long } from '@grpc/proto-loader';

export interface ResumeChannelResponse {
  'channel'?: (number | string | Long);
  'bytes'?: (number);
  'queues'?: (number)[];
  'sessions'?: (number)[];
  'regions'?: (number)[];
}

export interface ResumeChannelResponse__Output {
  'channel': (number);
  'bytes': (number);
  'queues': (number)[];
  'sessions': (number)[];
  'regions': (number)[];
}
