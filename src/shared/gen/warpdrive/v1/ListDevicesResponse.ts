// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Device as _warpdrive_v1_Device, Device__Output as _warpdrive_v1_Device__Output } from '../../warpdrive/v1/Device.ts';

export interface ListDevicesResponse {
  'devices'?: (_warpdrive_v1_Device)[];
}

export interface ListDevicesResponse__Output {
  'devices': (_warpdrive_v1_Device__Output)[];
}
