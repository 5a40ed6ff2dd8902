// Original file: proto/warpdrive/v1/warpdrive.proto


export interface OpenSessionResponse {
  'session'?: (number);
}

export interface OpenSessionResponse__Output {
  'session': (number);
}
