// Original file: proto/warpdrive/v1/warpdrive.proto

import type { RegionRange as _warpdrive_v1_RegionRange, RegionRange__Output as _warpdrive_v1_RegionRange__Output } from '../../warpdrive/v1/RegionRange.ts';

export interface Output {
  'region'?: (_warpdrive_v1_RegionRange | null);
  'bytes'?: (number);
}

export interface Output__Output {
  'region': (_warpdrive_v1_RegionRange__Output | null);
  'bytes': (number);
}
