// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Ran as _warpdrive_v1_Ran, Ran__Output as _warpdrive_v1_Ran__Output } from '../../warpdrive/v1/Ran.ts';

export interface Completion {
  'id'?: (number);
  'status'?: (number);
  'code'?: (string);
  'produced'?: (number);
  'result'?: (number);
  'deviceNanos'?: (number);
  'tag'?: (Buffer | Uint8Array | string);
  'ran'?: (_warpdrive_v1_Ran);
  'data'?: (Buffer | Uint8Array | string);
}

export interface Completion__Output {
  'id': (number);
  'status': (number);
  'code': (string);
  'produced': (number);
  'result': (number);
  'deviceNanos': (number);
  'tag': (Buffer);
  'ran': (_warpdrive_v1_Ran__Output);
  'data': (Buffer);
}
