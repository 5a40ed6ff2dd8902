// Original file: proto/warpdrive/v1/warpdrive.proto


export interface Part {
  'id'?: (number);
  'data'?: (Buffer | Uint8Array | string);
}

export interface Part__Output {
  'id': (number);
  'data': (Buffer);
}
