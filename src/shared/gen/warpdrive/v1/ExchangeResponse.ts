// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Part as _warpdrive_v1_Part, Part__Output as _warpdrive_v1_Part__Output } from '../../warpdrive/v1/Part.ts';
import type { Completion as _warpdrive_v1_Completion, Completion__Output as _warpdrive_v1_Completion__Output } from '../../warpdrive/v1/Completion.ts';

export interface ExchangeResponse {
  'parts'?: (_warpdrive_v1_Part)[];
  'completions'?: (_warpdrive_v1_Completion)[];
}

export interface ExchangeResponse__Output {
  'parts': (_warpdrive_v1_Part__Output)[];
  'completions': (_warpdrive_v1_Completion__Output)[];
}
