// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Process as _warpdrive_v1_Process, Process__Output as _warpdrive_v1_Process__Output } from '../../warpdrive/v1/Process.ts';
import type { Usage as _warpdrive_v1_Usage, Usage__Output as _warpdrive_v1_Usage__Output } from '../../warpdrive/v1/Usage.ts';
import type { Long } from '@grpc/proto-loader';

export interface GetStatusResponse {
  'version'?: (string);
  'uptimeMillis'?: (number | string | Long);
  'processes'?: (_warpdrive_v1_Process)[];
  'channels'?: (number);
  'connections'?: (number);
  'tenant'?: (string);
  'usage'?: (_warpdrive_v1_Usage)[];
}

export interface GetStatusResponse__Output {
  'version': (string);
  'uptimeMillis': (number);
  'processes': (_warpdrive_v1_Process__Output)[];
  'channels': (number);
  'connections': (number);
  'tenant': (string);
  'usage': (_warpdrive_v1_Usage__Output)[];
}
