// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Transport as _warpdrive_v1_Transport, Transport__Output as _warpdrive_v1_Transport__Output } from '../../warpdrive/v1/Transport.ts';

export interface OpenChannelRequest {
  'slots'?: (number);
  'transport'?: (_warpdrive_v1_Transport);
  'tenant'?: (string);
}

export interface OpenChannelRequest__Output {
  'slots': (number);
  'transport': (_warpdrive_v1_Transport__Output);
  'tenant': (string);
}
