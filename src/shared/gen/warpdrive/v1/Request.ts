// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Operation as _warpdrive_v1_Operation, Operation__Output as _warpdrive_v1_Operation__Output } from '../../warpdrive/v1/Operation.ts';
import type { Input as _warpdrive_v1_Input, Input__Output as _warpdrive_v1_Input__Output } from '../../warpdrive/v1/Input.ts';
import type { Output as _warpdrive_v1_Output, Output__Output as _warpdrive_v1_Output__Output } from '../../warpdrive/v1/Output.ts';

export interface Request {
  'id'?: (number);
  'operation'?: (_warpdrive_v1_Operation);
  'queue'?: (number);
  'session'?: (number);
  'source'?: (_warpdrive_v1_Input | null);
  'auxiliary'?: (_warpdrive_v1_Input | null);
  'destination'?: (_warpdrive_v1_Output | null);
  'iv'?: (Buffer | Uint8Array | string);
  'tag'?: (Buffer | Uint8Array | string);
  'pattern'?: (Buffer | Uint8Array | string);
  'timeoutMillis'?: (number);
  'operand'?: (number);
}

export interface Request__Output {
  'id': (number);
  'operation': (_warpdrive_v1_Operation__Output);
  'queue': (number);
  'session': (number);
  'source': (_warpdrive_v1_Input__Output | null);
  'auxiliary': (_warpdrive_v1_Input__Output | null);
  'destination': (_warpdrive_v1_Output__Output | null);
  'iv': (Buffer);
  'tag': (Buffer);
  'pattern': (Buffer);
  'timeoutMillis': (number);
  'operand': (number);
}
