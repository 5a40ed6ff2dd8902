// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Request as _warpdrive_v1_Request, Request__Output as _warpdrive_v1_Request__Output } from '../../warpdrive/v1/Request.ts';
import type { Part as _warpdrive_v1_Part, Part__Output as _warpdrive_v1_Part__Output } from '../../warpdrive/v1/Part.ts';
import type { Long } from '@grpc/proto-loader';

export interface ExchangeRequest {
  'channel'?: (number | string | Long);
  'requests'?: (_warpdrive_v1_Request)[];
  'parts'?: (_warpdrive_v1_Part)[];
  'cancel'?: (number)[];
  'completionsPerMessage'?: (number);
}

export interface ExchangeRequest__Output {
  'channel': (number);
  'requests': (_warpdrive_v1_Request__Output)[];
  'parts': (_warpdrive_v1_Part__Output)[];
  'cancel': (number)[];
  'completionsPerMessage': (number);
}
