// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Usage as _warpdrive_v1_Usage, Usage__Output as _warpdrive_v1_Usage__Output } from '../../warpdrive/v1/Usage.ts';

export interface Tenant {
  'name'?: (string);
  'usage'?: (_warpdrive_v1_Usage)[];
}

export interface Tenant__Output {
  'name': (string);
  'usage': (_warpdrive_v1_Usage__Output)[];
}
