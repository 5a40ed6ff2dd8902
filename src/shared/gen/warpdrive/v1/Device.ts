// Original file: proto/warpdrive/v1/warpdrive.proto

import type { DeviceState as _warpdrive_v1_DeviceState, DeviceState__Output as _warpdrive_v1_DeviceState__Output } from '../../warpdrive/v1/DeviceState.ts';
import type { Long } from '@grpc/proto-loader';

export interface Device {
  'name'?: (string);
  'driver'?: (string);
  'algorithms'?: (string)[];
  'state'?: (_warpdrive_v1_DeviceState);
  'hardwareQueues'?: (number);
  'queuesLent'?: (number);
  'inFlight'?: (number);
  'completed'?: (number | string | Long);
  'failed'?: (number | string | Long);
  'resets'?: (number | string | Long);
  'libraries'?: ({[key: string]: string});
}

export interface Device__Output {
  'name': (string);
  'driver': (string);
  'algorithms': (string)[];
  'state': (_warpdrive_v1_DeviceState__Output);
  'hardwareQueues': (number);
  'queuesLent': (number);
  'inFlight': (number);
  'completed': (number);
  'failed': (number);
  'resets': (number);
  'libraries': ({[key: string]: string});
}
