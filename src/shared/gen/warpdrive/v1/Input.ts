// Original file: proto/warpdrive/v1/warpdrive.proto

import type { RegionRange as _warpdrive_v1_RegionRange, RegionRange__Output as _warpdrive_v1_RegionRange__Output } from '../../warpdrive/v1/RegionRange.ts';

export interface Input {
  'region'?: (_warpdrive_v1_RegionRange | null);
  'data'?: (Buffer | Uint8Array | string);
  'bytes'?: (number);
}

export interface Input__Output {
  'region': (_warpdrive_v1_RegionRange__Output | null);
  'data': (Buffer);
  'bytes': (number);
}
