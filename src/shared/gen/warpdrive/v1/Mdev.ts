// Original file: proto/warpdrive/v1/warpdrive.proto


export interface Mdev {
  'uuid'?: (string);
  'device'?: (string);
  'type'?: (string);
}

export interface Mdev__Output {
  'uuid': (string);
  'device': (string);
  'type': (string);
}
