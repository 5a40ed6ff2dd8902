// Original file: proto/warpdrive/v1/warpdrive.proto


export interface Process {
  'name'?: (string);
  'pid'?: (number);
  'isConnected'?: (boolean);
}

export interface Process__Output {
  'name': (string);
  'pid': (number);
  'isConnected': (boolean);
}
